import { momentOf, type Moment } from '../../core/basics/time.ts';

/** Now, by the wall clock. */
export const now = (): Moment => momentOf(Date.now());

/** Milliseconds on a clock that never jumps; only differences mean something. Measures deadlines and elapsed time. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime(); // performance.now() loads a millisecond of modules first
  return seconds * 1e3 + nanoseconds / 1e6;
}

/** Resolves after `ms` milliseconds, or as soon as `signal` aborts. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** Stops the whole process for `ms` milliseconds: only for a few, and where nothing else can go on meanwhile. */
export function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
