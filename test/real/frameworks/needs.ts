// What a machine lacks is skipped by its name, and loudly; where it must not be missing, that is a failure.
import { spawnSync } from 'node:child_process';
import { test } from 'vitest';

/** Where setup.sh keeps what does not come from a package of Debian. */
export const cache = process.env['WORKERCTL_TEST_CACHE'] ?? '/var/cache/workerctl-test';

/**
 * Whether this machine lacks something: then a skipped test says what.
 * @param needs by the name of what is needed: a shell command that succeeds if it is there
 * @throws Error if everything must be there
 */
export function isMissing(name: string, needs: Readonly<Record<string, string>>): boolean {
  const missing = Object.entries(needs)
    .filter(
      ([, probe]) =>
        spawnSync('sh', ['-c', probe], { env: { ...process.env, CACHE: cache } }).status !== 0,
    )
    .map(([what]) => what);
  if (missing.length === 0) return false;
  const problem = `this machine lacks ${missing.join(', ')} (test/real/setup.sh installs it)`;
  if (process.env['WORKERCTL_TEST_FRAMEWORKS'] === 'required')
    throw new Error(`${name}: ${problem}`);
  console.warn(`skipped: ${name}, because ${problem}`);
  test.skip(`${name}: ${problem}`, () => undefined);
  return true;
}
