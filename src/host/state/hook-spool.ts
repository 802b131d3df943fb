import { rmdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { anything, byName, object, oneOf, optional, text } from '../../core/basics/json-form.ts';
import { hookNames, type HookName } from '../../core/model/config.ts';
import type { ProcessIdentity } from '../../core/model/process.ts';
import { removeHalfWritten, writeFileAtomically } from '../files/atomic-file.ts';
import { errnoOf } from '../files/errno.ts';
import { faultPoint } from '../files/fault-point.ts';
import { once } from '../files/once.ts';
import { removeFile, type StateFile } from '../files/json-file.ts';
import { makeDirectory } from '../files/make-directory.ts';
import { namesIn } from '../files/names-in.ts';
import { withReserve } from './reserve.ts';
import { fileText, identity, readForm } from './schema.ts';

/** A hook or a notification that waits. It stays in its file until it is done, even if commands are killed meanwhile. */
export interface Spooled {
  /** The hook; of a notification the occasion. */
  readonly hook: HookName;
  readonly worker: string;
  /** The instance, or the worker if the event concerns all of it. */
  readonly instance: string;
  /** What has happened, as an entry of the journal. */
  readonly event: Readonly<Record<string, unknown>>;
  /** The process that is about to bring it about. If it is killed, the record of the instance shows whether it did. */
  readonly expectedOf?: ProcessIdentity;
}

const form = once(() =>
  object<Spooled>({
    hook: ['hook', oneOf(...hookNames)],
    worker: ['worker', text],
    instance: ['instance', text],
    event: ['event', byName(anything)],
    expectedOf: ['expected_of', optional(identity)],
  }),
);

/** It exists only while something waits in it or below it, so that otherwise a pass needs one system call. */
export const hookFolder = (stateDir: string): string => join(stateDir, 'hooks');

/** The events that a notification is still to be sent of. */
export const notifyFolder = (stateDir: string): string => join(hookFolder(stateDir), 'notify');

/** More are not kept in one folder. */
export const mostSpooled = 1_000;

const pathOf = (folder: string, id: string): string => join(folder, `${id}.json`);

/**
 * Keeps something until it is done. What is spooled twice under one id is done once.
 * @returns false if too many wait already
 * @throws the system error
 */
export function spool(folder: string, stateDir: string, id: string, spooled: Spooled): boolean {
  const path = pathOf(folder, id);
  const waiting = namesIn(folder);
  if (waiting.length >= mostSpooled && !waiting.includes(basename(path))) return false;
  const write = (): void => {
    makeDirectory(folder);
    writeFileAtomically(path, fileText(form(), spooled));
  };
  withReserve(stateDir, () => {
    orAgain(write);
  });
  faultPoint();
  return true;
}

/** Another command removes the directory as soon as it is empty. */
function orAgain(write: () => void, attempts = 5): void {
  try {
    write();
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' || attempts === 1) throw error;
    orAgain(write, attempts - 1);
  }
}

/** The ids of all that wait, sorted. */
export const spooledIn = (folder: string): string[] =>
  namesIn(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -'.json'.length))
    .sort();

/** A `problem` does not name the file. */
export const readSpooled = (folder: string, id: string): StateFile<Spooled> =>
  readForm(pathOf(folder, id), form);

/** Removes what is done; with the last one, also the directory, and the one above it. */
export function removeSpooled(folder: string, id: string): void {
  removeFile(pathOf(folder, id));
  removeEmpty(folder);
}

/** Removes the directory if nothing waits in it; then that of all hooks, if nothing waits there either. */
export function removeEmpty(folder: string): void {
  try {
    removeHalfWritten(folder);
    rmdirSync(folder);
    if (basename(folder) === 'notify') rmdirSync(dirname(folder));
  } catch {
    return; // others are waiting
  }
}
