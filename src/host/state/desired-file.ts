import { statSync } from 'node:fs';
import { shellWord } from '../../core/basics/shell-word.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import { inBoot, noDesired, type Desired } from '../../core/model/desired.ts';
import type { StateFile } from '../files/json-file.ts';
import { currentBootId } from '../process/process-table.ts';
import { desiredForm } from './desired-form.ts';
import { readSealed, type Sealed } from './sealed-file.ts';

export const desiredPath = (stateDir: string): string => `${stateDir}/state.json`;

/** The second copy. Its name does not end in .json: to `listStateFiles` it would be the record of an instance. */
export const desiredCopyPath = (stateDir: string): string => `${stateDir}/state.copy`;

/** What was found of the desired state. */
export interface DesiredFound {
  readonly desired: Desired;
  /** Why state.json could not be used, and the copy was. Names the file. */
  readonly problem?: string;
}

/**
 * What is desired beyond the config; nothing if there are no such files. The copy is read only if state.json cannot be used.
 * It has the same, or what a command was about to write when it was killed.
 * @throws WorkerctlError `state` if both cannot be used: what was stopped on purpose is recorded nowhere else
 */
export function findDesired(stateDir: string): DesiredFound {
  // Asked first: to fail to open them costs an exception each, at the start of every command.
  if (isMissing(desiredPath(stateDir)) && isMissing(desiredCopyPath(stateDir)))
    return { desired: noDesired };
  const first = readSealed(desiredPath(stateDir), desiredForm);
  if (first.kind === 'read') return { desired: inBoot(first.value.value, currentBootId) };
  const copy = readSealed(desiredCopyPath(stateDir), desiredForm);
  if (first.kind === 'absent' && copy.kind === 'absent') return { desired: noDesired };
  if (copy.kind !== 'read') throw unusable(stateDir, first, copy);
  const problem = `${desiredPath(stateDir)} ${wordsOf(first)}; its second copy is used`;
  return { desired: inBoot(copy.value.value, currentBootId), problem };
}

/** What cannot be seen, for lack of rights, is not missing. */
function isMissing(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) === undefined;
  } catch {
    return false;
  }
}

/** What can be known of the desired state. */
export interface DesiredSeen extends DesiredFound {
  /** Neither copy can be used: what was stopped, held or counted is not known. */
  readonly isUnknown: boolean;
}

/** The same for a command that only looks: it shows what else there is. */
export function seenDesired(stateDir: string): DesiredSeen {
  try {
    return { ...findDesired(stateDir), isUnknown: false };
  } catch (error) {
    if (!(error instanceof WorkerctlError)) throw error;
    const problem = `${error.message}; stops, holds, counts and restarts are unknown`;
    return { desired: noDesired, problem, isUnknown: true };
  }
}

/** The desired state; it does not matter which of the two copies was read. */
export const readDesired = (stateDir: string): Desired => findDesired(stateDir).desired;

export type Copy = StateFile<Sealed<Desired>>;

/** state.json and its second copy. */
export const readCopies = (stateDir: string): { readonly first: Copy; readonly copy: Copy } => ({
  first: readSealed(desiredPath(stateDir), desiredForm),
  copy: readSealed(desiredCopyPath(stateDir), desiredForm),
});

/** What was found of one of the two, in words that follow its name. */
export function wordsOf(file: Copy): string {
  switch (file.kind) {
    case 'absent':
      return 'is missing';
    case 'read':
      return `is valid (generation ${file.value.generation})`;
    case 'broken':
      return file.isUnreadable === true
        ? `cannot be read: ${file.problem}`
        : `is damaged (${file.problem})`;
  }
}

/** What to do about a file that is there and cannot be read. */
export const unreadableHint = (path: string): string =>
  `run workerctl as the user who owns the workers; if you are that user: ls -l ${path}, and look for disk errors in the kernel's log`;

function unusable(stateDir: string, first: Copy, copy: Copy): WorkerctlError {
  const problem = `${desiredPath(stateDir)} ${wordsOf(first)}; its second copy ${desiredCopyPath(stateDir)} ${wordsOf(copy)}`;
  return new WorkerctlError('state', problem, { hint: unusableHint(stateDir, first, copy) });
}

/** What to do if neither can be used. */
export function unusableHint(stateDir: string, first: Copy, copy: Copy): string {
  const path = desiredPath(stateDir);
  const copyPath = desiredCopyPath(stateDir);
  const broken = [[path, first] as const, [copyPath, copy] as const].flatMap(([at, file]) =>
    file.kind === 'broken' ? [{ at, ...file }] : [],
  );
  const unreadable = broken.find(({ isUnreadable }) => isUnreadable);
  if (unreadable !== undefined) return unreadableHint(unreadable.at);
  const moves = broken.map(({ at }) => `mv ${shellWord(at)} ${shellWord(`${at}.moved`)}`);
  return `lost: ${what}; to continue without them: ${moves.join(' && ')}`;
}

const what =
  'stops, holds, quiets, what is done, counts, adoptions, restarts, pins and --kill-after deadlines';
