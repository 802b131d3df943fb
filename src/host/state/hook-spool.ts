import { rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { anything, byName, object, oneOf, text } from '../../core/basics/json-form.ts';
import { hookNames, type HookName } from '../../core/model/config.ts';
import { writeFileAtomically } from '../files/atomic-file.ts';
import { faultPoint } from '../files/fault-point.ts';
import { once } from '../files/once.ts';
import { removeFile, type StateFile } from '../files/json-file.ts';
import { makeDirectory } from '../files/make-directory.ts';
import { namesIn } from '../files/names-in.ts';
import { withReserve } from './reserve.ts';
import { fileText, readForm } from './schema.ts';

/** A hook waiting to be run. It stays in its file until it has been run, even if commands are killed meanwhile. */
export interface Spooled {
  readonly hook: HookName;
  readonly worker: string;
  /** The instance, or the worker if the event concerns all of it. */
  readonly instance: string;
  /** What has happened, as an entry of the journal. */
  readonly event: Readonly<Record<string, unknown>>;
}

const form = once(() =>
  object<Spooled>({
    hook: ['hook', oneOf(...hookNames)],
    worker: ['worker', text],
    instance: ['instance', text],
    event: ['event', byName(anything)],
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
  withReserve(stateDir, () => {
    makeDirectory(hookFolder(stateDir));
    writeFileAtomically(pathOf(stateDir, id), fileText(form(), spooled));
  });
  faultPoint();
}

/** The ids of all waiting hooks, sorted. */
export function spooledHooks(stateDir: string): string[] {
  return namesIn(hookFolder(stateDir))
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -'.json'.length))
    .sort();
}

/** A `problem` does not name the file. */
export const readSpooled = (stateDir: string, id: string): StateFile<Spooled> =>
  readForm(pathOf(stateDir, id), form);

/** Removes a hook that has been run; with the last one, also the directory. */
export function removeSpooled(stateDir: string, id: string): void {
  removeFile(pathOf(stateDir, id));
  try {
    rmdirSync(hookFolder(stateDir));
  } catch {
    return; // other hooks are waiting
  }
}
