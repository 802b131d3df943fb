import { unless } from './scene.ts';
import { workerCount } from './worker-program.ts';

/** The instances that the demo's config wants. */
export const names: readonly string[] = Array.from(
  { length: workerCount },
  (_, index) => `delayed_job.${index + 1}`,
);

/** How long something may take that is a matter of moments. */
export const soonMs = 5_000;

export const oneEachClaim = 'three workers run, one process for each';

/** Which instances have no process, or more than one. */
export function oneEach(processes: ReadonlyMap<string, readonly number[]>): string | undefined {
  const counts = names.map((name) => ({ name, count: processes.get(name)?.length ?? 0 }));
  const wrong = counts.filter(({ count }) => count !== 1);
  return unless(
    wrong.length === 0,
    wrong.map(({ name, count }) => `${count} of ${name}`).join(', '),
  );
}

/** Whether a job has not been done, or more than once. */
export function doneOnce(lines: readonly string[]): string | undefined {
  const found = lines.length === 0 ? 'that it is not done' : `it done ${lines.length} times`;
  return unless(lines.length === 1, found);
}
