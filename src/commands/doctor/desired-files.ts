import { problem, warning, type Consequence, type Findings } from '../../core/views/finding.ts';
import type { StateFile } from '../../host/files/json-file.ts';
import {
  desiredCopyPath,
  desiredPath,
  readCopies,
  seenDesired,
  unreadableHint,
  unusableHint,
  wordsOf,
} from '../../host/state/desired-file.ts';

/** state.json and its second copy: either may be damaged, missing, unreadable or older than the other. */
export function desiredFindings(stateDir: string): Findings {
  const path = desiredPath(stateDir);
  const copyPath = desiredCopyPath(stateDir);
  const { first, copy } = readCopies(stateDir);
  if (first.kind === 'absent' && copy.kind === 'absent') return [];
  if (seenDesired(stateDir).isUnknown)
    return problem(path, `${wordsOf(first)}; its second copy ${copyPath} ${wordsOf(copy)}`, [
      'no command can act: only you can know what was stopped on purpose',
      unusableHint(stateDir, first, copy),
    ]);
  if (first.kind !== 'read')
    return warning(path, wordsOf(first), [
      `its second copy is used; if that were lost too, stops, holds, counts and restarts would be unknown`,
      adviceOn(path, first),
    ]);
  if (copy.kind !== 'read')
    return warning(copyPath, wordsOf(copy), [noCopy, adviceOn(copyPath, copy)]);
  const ahead = copy.value.generation - first.value.generation;
  // One that is ahead by one was written by a command that was killed a moment later.
  if (ahead === 0 || ahead === 1) return [];
  const found = `has generation ${copy.value.generation}, ${path} has ${first.value.generation}`;
  return warning(copyPath, found, [noCopy, itself]);
}

const noCopy: Consequence[0] =
  'if state.json were damaged now, stops, holds, counts and restarts would be lost';

const itself = 'nothing: the next command that stops, holds or restarts something writes both';

const adviceOn = (path: string, file: StateFile<unknown>): string =>
  file.kind === 'broken' && file.isUnreadable === true ? unreadableHint(path) : itself;
