import { existsSync, lstatSync, renameSync } from 'node:fs';
import type { Desired } from '../../core/model/desired.ts';
import { stageFile, syncDirectory, type Staged } from '../files/atomic-file.ts';
import { faultPoint } from '../files/fault-point.ts';
import { desiredCopyPath, desiredPath, readCopies, type Copy } from './desired-file.ts';
import { desiredForm } from './desired-form.ts';
import { orCannotWrite, withReserve } from './reserve.ts';
import { sealedText } from './sealed-file.ts';

/**
 * Writes the desired state to both copies. After a crash of the host state.json is the old text or the new one, and with
 * `isDurable` both are the new one.
 * @throws WorkerctlError `state` if it cannot be written; the old text is then unchanged
 */
export function writeDesired(
  stateDir: string,
  value: Desired,
  options: { readonly isDurable: boolean },
): void {
  stageDesired(stateDir, value, options).commit();
}

/**
 * The same in two steps: a full disk shows in the first. Only under the pass lock.
 * @throws WorkerctlError `state` if it cannot be written
 */
export function stageDesired(
  stateDir: string,
  value: Desired,
  { isDurable }: { readonly isDurable: boolean },
): Staged {
  const path = desiredPath(stateDir);
  const copyPath = desiredCopyPath(stateDir);
  const { first, copy } = readCopies(stateDir);
  const generation = 1 + Math.max(...[first, copy].map(generationOf));
  const text = sealedText(desiredForm(), { generation, value });
  const stage = (at: string, isSynced: boolean): Staged =>
    orCannotWrite(path, otherwise, () =>
      withReserve(stateDir, () => stageFile(at, text, { isSynced })),
    );
  // What need not outlast a crash of the host waits for the disk once: the copy may be empty after one, state.json is whole.
  const stagedCopy = stage(copyPath, isDurable);
  const staged = orElse(() => stage(path, true), stagedCopy.discard);
  const discard = (): void => {
    stagedCopy.discard();
    staged.discard();
  };
  const commitCopy = (): void => {
    if (isNoFile(copyPath)) keepAside(stateDir, copyPath);
    stagedCopy.commit();
    faultPoint();
  };
  const commit = (): void => {
    // The copy is never older than state.json. If there is none, it comes last: until then nothing is missing.
    const isCopyFirst = existsSync(copyPath);
    if (isCopyFirst) commitCopy();
    if (first.kind === 'broken') keepAside(stateDir, path);
    staged.commit();
    faultPoint();
    if (!isCopyFirst) commitCopy();
    if (isDurable) syncDirectory(stateDir);
  };
  return {
    discard,
    commit: () => {
      orCannotWrite(path, otherwise, () => {
        orElse(commit, discard);
      });
    },
  };
}

const otherwise = 'nothing was done';

const generationOf = (file: Copy): number => (file.kind === 'read' ? file.value.generation : 0);

const isNoFile = (path: string): boolean =>
  lstatSync(path, { throwIfNoEntry: false })?.isFile() === false;

/** How many damaged files are kept. */
const keptAside = 3;

/** Keeps a damaged file under another name, in place of the one that was kept longest: a person may read more out of it. */
function keepAside(stateDir: string, path: string): void {
  const places = Array.from({ length: keptAside }, (_, index) => {
    const place = `${stateDir}/state.damaged.${index + 1}`;
    return { place, since: lstatSync(place, { throwIfNoEntry: false })?.ctimeMs ?? 0 };
  });
  const [oldest] = places.sort((a, b) => a.since - b.since);
  if (oldest !== undefined && lstatSync(path, { throwIfNoEntry: false }) !== undefined)
    renameSync(path, oldest.place);
}

function orElse<T>(act: () => T, cleanUp: () => void): T {
  try {
    return act();
  } catch (error) {
    cleanUp();
    throw error;
  }
}
