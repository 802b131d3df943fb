import { readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { hookNames, type HookName } from '../../core/model/config.ts';
import { writeFileAtomically } from '../files/atomic-file.ts';
import { errnoOf } from '../files/errno.ts';
import { faultPoint } from '../files/fault-point.ts';
import { once } from '../files/once.ts';
import { readJson } from '../files/json-file.ts';
import { removeFile } from '../files/json-file.ts';
import { type StateFile } from '../files/json-file.ts';
import { makeFolder } from '../files/make-folder.ts';

/** A hook that is to be run: it stays in a file until it was, whoever is killed meanwhile. */
export interface Spooled {
  readonly hook: HookName;
  readonly worker: string;
  /** The instance, or the worker where none is meant. */
  readonly instance: string;
  /** What has happened, as the journal tells it. */
  readonly event: Readonly<Record<string, unknown>>;
}

const schema = once(() =>
  z.object({
    hook: z.enum(hookNames),
    worker: z.string(),
    instance: z.string(),
    event: z.record(z.string(), z.unknown()),
  }),
);

/** There only while there are hooks to run: who has none pays one look. */
export const hookFolder = (stateDir: string): string => join(stateDir, 'hooks');

const pathOf = (stateDir: string, id: string): string => join(hookFolder(stateDir), `${id}.json`);

/** Keeps a hook to be run; the same one again is kept once. @throws what the file system says */
export function spoolHook(stateDir: string, id: string, spooled: Spooled): void {
  makeFolder(hookFolder(stateDir));
  writeFileAtomically(pathOf(stateDir, id), `${JSON.stringify(spooled)}\n`);
  faultPoint();
}

/** The ids of all that are to be run, in the order of their names. */
export function spooledHooks(stateDir: string): string[] {
  try {
    return readdirSync(hookFolder(stateDir))
      .filter((name) => name.endsWith('.json'))
      .map((name) => name.slice(0, -'.json'.length))
      .sort();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** One of them. */
export const readSpooled = (stateDir: string, id: string): StateFile<Spooled> =>
  readJson(pathOf(stateDir, id), schema, 'a hook that is to be run');

/** It was run. */
export function removeSpooled(stateDir: string, id: string): void {
  removeFile(pathOf(stateDir, id));
  try {
    rmdirSync(hookFolder(stateDir));
  } catch {
    return; // there are others
  }
}
