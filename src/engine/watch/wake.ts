import { testable } from '../../host/files/fault-point.ts';
import { monotonicMs, sleep } from '../../host/process/clock.ts';
import type { watchDirectory } from '../../host/files/watch-directory.ts';

/** If no file has changed for this long, look anyway: a killed shim leaves no trace of its worker's death. */
export const fallbackMs = testable('FALLBACK_MS', 60_000);

/** How often to look if the kernel does not report changes of files. */
const unwatchedMs = 1_000;

/** Deaths, and what people want; all else is written by passes themselves. */
export const tellsOfWork = (file: string): boolean =>
  file.endsWith('.exit') || file === 'state.json';

export async function followFiles(
  files: ReturnType<typeof watchDirectory>,
  ring: () => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const due = monotonicMs() + fallbackMs;
    const { size } = await files.changes(fallbackMs, signal);
    // Awake early, and of nothing: the kernel has no watch to give, so that we must look for ourselves.
    if (size === 0 && monotonicMs() < due) await sleep(unwatchedMs, signal);
    ring();
  }
}

/** Bytes wait for their turn; deaths, and what people want, ring for themselves and do not. */
interface Bytes {
  readonly ring: () => void;
  /** A look begins: it sees whatever those bytes were for. What comes from now on waits for its end. */
  readonly seen: () => void;
  /** The look is over; the next one for the sake of bytes may not begin before this moment. */
  readonly notBefore: (moment: number) => void;
  readonly close: () => void;
}

export function createBytes(ring: () => void): Bytes {
  let timer: NodeJS.Timeout | undefined;
  let earliest: number | undefined;
  let isWaiting = false;
  const set = (): void => {
    clearTimeout(timer);
    if (isWaiting && earliest !== undefined)
      timer = setTimeout(ring, Math.max(0, earliest - monotonicMs()));
  };
  return {
    ring: () => {
      isWaiting = true;
      set();
    },
    seen: () => {
      isWaiting = false;
      earliest = undefined;
      set();
    },
    notBefore: (moment) => {
      earliest = moment;
      set();
    },
    close: () => {
      clearTimeout(timer);
    },
  };
}

/** Sleeping that can be ended by anybody. */
export interface Alarm {
  readonly ring: () => void;
  /** Resolves as soon as it has rung since the last time, or after `ms`; whether it has rung. */
  readonly wait: (ms: number) => Promise<boolean>;
}

export function createAlarm(signal: AbortSignal): Alarm {
  let hasRung = false;
  let wake: () => void = () => undefined;
  signal.addEventListener('abort', () => {
    wake();
  });
  return {
    ring: () => {
      hasRung = true;
      wake();
    },
    wait: async (ms) => {
      if (!hasRung && !signal.aborted) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        wake = () => undefined;
      }
      const answer = hasRung;
      hasRung = false;
      return answer;
    },
  };
}
