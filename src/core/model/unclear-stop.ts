import { shellWord } from '../basics/shell-word.ts';
import type { ProcessRef } from './instance.ts';
import type { UnclearNote } from './record.ts';

/** Why a process is not asked to exit whose stop note cannot be understood, and what to do. */
export function unclearWords(
  ref: ProcessRef,
  { path, problem, isUnreadable }: UnclearNote,
): string {
  const why = `it may have been asked to exit already, and a second signal could cost its job: ${problem}`;
  if (isUnreadable) return `${why}; it is asked once that file can be read or is gone`;
  const remedy = `mv ${shellWord(path)} ${shellWord(`${path}.moved`)}`;
  const next = ref.retiring === undefined ? 'the next stop or restart' : 'the next pass';
  return `${why}; if it does not exit, have ${next} ask it: ${remedy}`;
}
