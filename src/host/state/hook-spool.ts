import { readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { hookNames, type HookName } from '../../core/model/config.ts';
import { writeFileAtomically } from '../files/atomic-file.ts';
import { errnoOf } from '../files/errno.ts';
import { faultPoint } from '../files/fault-point.ts';
import { once } from '../files/once.ts';
import { readJson, removeFile, type StateFile } from '../files/json-file.ts';
import { makeFolder } from '../files/make-folder.ts';

/** A hook waiting to be run. It stays in its file until it has been run, even if commands are killed meanwhile. */
export interface Spooled {
  readonly hook: HookName;
  readonly worker: string;
  /** The instance, or the worker if the event concerns all of it. */
  readonly instance: string;
  /** What has happened, as an entry of the journal. */
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

/** It exists only while hooks are waiting, so that without hooks a pass needs one system call. */
export const hookFolder = (stateDir: string): string => join(stateDir, 'hooks');

const pathOf = (stateDir: string, id: string): string => join(hookFolder(stateDir), `${id}.json`);

/**
 * Keeps a hook until it is run. A hook that is spooled twice under one id is run once.
 * @throws the system error
 */
export function spoolHook(stateDir: string, id: string, spooled: Spooled): void {
  makeFolder(hookFolder(stateDir));
  writeFileAtomically(pathOf(stateDir, id), `${JSON.stringify(spooled)}\n`);
  faultPoint();
}

/** The ids of all waiting hooks, sorted. */
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

export const readSpooled = (stateDir: string, id: string): StateFile<Spooled> =>
  readJson(pathOf(stateDir, id), schema, 'a spooled hook');

/** Removes a hook that has been run; with the last one, also the directory. */
export function removeSpooled(stateDir: string, id: string): void {
  removeFile(pathOf(stateDir, id));
  try {
    rmdirSync(hookFolder(stateDir));
  } catch {
    return; // other hooks are waiting
  }
}
