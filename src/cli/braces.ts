import { expand } from 'brace-expansion';
import { WorkerctlError } from '../core/basics/error.ts';

/** More than any host has instances. */
const mostTargets = 10_000;

/**
 * The targets that `mail.{1,3}` or `mail.{1..3}` stands for, as in bash: each of them has to name something.
 * @throws WorkerctlError `usage` if there are too many
 */
export function expandBraces(target: string): readonly string[] {
  const expanded = expand(target, { max: mostTargets + 1 });
  if (expanded.length <= mostTargets) return expanded;
  throw new WorkerctlError(
    'usage',
    `target ${target}: expected at most ${mostTargets} names, found more`,
  );
}
