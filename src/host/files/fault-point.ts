/** Read once: a thousand effects a second should cost nothing. */
const { WORKERCTL_TEST_DIE_AFTER: dieAfter } = process.env;

let effects = 0;

/**
 * Stands behind each effect that must be followed by others. Tests let the command die here, as by kill -9, after its
 * first, second, third … effect, to see that the next pass goes on from what is on disk: `WORKERCTL_TEST_DIE_AFTER=3`.
 * While signal.sh is at work for it: `WORKERCTL_TEST_DIE_BEHIND=note` (before a signal) or `=signal` (behind it).
 */
export function faultPoint(): void {
  if (dieAfter === undefined) return;
  effects += 1;
  if (effects === Number(dieAfter)) process.kill(process.pid, 'SIGKILL');
}

/** A length in ms that no test can wait for: tests shorten it, `WORKERCTL_TEST_FALLBACK_MS=500`. */
export function testable(name: string, ms: number): number {
  const shorter = Number(process.env[`WORKERCTL_TEST_${name}`]);
  return shorter > 0 ? shorter : ms;
}
