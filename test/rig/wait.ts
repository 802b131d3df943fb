/** Waits for a time. A test that waits for something to happen uses `until`. */
export const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

/** What a condition returns as long as it does not hold. */
type NotYet = undefined | false | '' | 0;

/** How long a condition may take: on a busy machine everything takes ten times as long as on an idle one. */
const patienceMs = 30_000;

/**
 * Waits until a condition holds, and returns what it has found.
 * @param what names the condition in the error
 */
export async function until<T>(
  what: string,
  condition: () => T | NotYet | Promise<T | NotYet>,
  limitMs = patienceMs,
): Promise<T> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const found = await condition();
    if (found !== undefined && found !== false && found !== '' && found !== 0) return found;
    if (performance.now() > deadline)
      throw new Error(`waited ${(limitMs / 1000).toFixed(1)} s in vain for ${what}`);
    await pause(10);
  }
}

/** Waits for a length of time on the clock that does not jump: for limits that only time can exceed. */
export async function timePasses(ms: number): Promise<void> {
  const startedAt = performance.now();
  await until(`${ms} ms to pass`, () => performance.now() - startedAt > ms);
}
