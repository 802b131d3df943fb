import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { parseYaml } from '../../src/config/yaml/document.ts';
import type { Slot } from '../../src/config/yaml/tree.ts';
import { WorkerctlError } from '../../src/core/basics/error.ts';
import type { Config, Worker } from '../../src/core/model/config.ts';

/** A directory that is removed after the tests of the file. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'workerctl-config-'));
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** Writes a file and the directories above it; returns its path. */
export function write(folder: string, name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

/** The error that `action` throws. */
export function errorOf(action: () => unknown): WorkerctlError {
  try {
    action();
  } catch (error) {
    if (error instanceof WorkerctlError) return error;
    throw error;
  }
  throw new Error('expected a WorkerctlError, found none');
}

/** Loads texts as the config of one directory, and says what is wrong with them. */
export function configIn(folder: string) {
  const save = (text: string | Uint8Array) => write(folder, 'workerctl.yaml', text);
  const load = (text: string): Config => loadConfig(save(text));
  return {
    load,
    /** The only worker of the text. */
    worker: (text: string): Worker => {
      const [worker] = load(text).workers;
      if (worker === undefined) throw new Error('no worker');
      return worker;
    },
    /** The lines of the error, without the path of the file. */
    problems: (text: string | Uint8Array): string[] => {
      const path = save(text);
      const error = errorOf(() => loadConfig(path));
      if (error.code !== 'config') throw error;
      return error.message.split('\n').map((line) => line.replace(`${path}:`, ''));
    },
  };
}

/** A value as if a config had it. */
export const slotOf = (value: unknown): Slot => parseYaml(JSON.stringify(value)).root;
