/** Read once: a thousand effects a second should cost nothing. */
const { WORKERCTL_TEST_DIE_AFTER: dieAfter } = process.env;

let effects = 0;

/**
 * Called after each effect that must be followed by others. Tests kill the command here, as by kill -9, after its first,
 * second, third … effect (`WORKERCTL_TEST_DIE_AFTER=3`), to check that the next pass continues from what is on disk.
 * `WORKERCTL_TEST_DIE_BEHIND=note` kills it while signal.sh runs, before the signal, and `=signal` after it.
 */
export function faultPoint(): void {
  if (dieAfter === undefined) return;
  effects += 1;
  if (effects === Number(dieAfter)) process.kill(process.pid, 'SIGKILL');
}

/** A number that is too high for tests, which lower it: `WORKERCTL_TEST_FALLBACK_MS=500`. */
export function testable(name: string, usual: number): number {
  const lower = Number(process.env[`WORKERCTL_TEST_${name}`]);
  return lower > 0 ? lower : usual;
}
