import { placedProblem, type ConfigProblem } from './config-problem.ts';
import { WorkerctlError } from './error.ts';

const shownAtMost = 20;

/** The error that names all problems, one per line. */
export function configError(problems: readonly ConfigProblem[]): WorkerctlError {
  const lines = problems.slice(0, shownAtMost).map(placedProblem);
  const rest = problems.length - lines.length;
  if (rest > 0) lines.push(`and ${rest} more`);
  return new WorkerctlError('config', lines.join('\n'), { problems });
}
