import { fallbackMs, unwatchedMs } from './intervals.ts';
import { monotonicMs, sleep } from '../../host/process/clock.ts';
import type { watchDirectory } from '../../host/files/watch-directory.ts';

/** Deaths, and requests of people; passes write all other files themselves. */
export const mayMeanWork = (file: string): boolean =>
  file.endsWith('.exit') || file === 'state.json';

export async function followFiles(
  files: ReturnType<typeof watchDirectory>,
  ring: () => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const due = monotonicMs() + fallbackMs;
    const { size } = await files.changes(fallbackMs, signal);
    // Awake early without a change: the kernel has no watch left, so look regularly.
    if (size === 0 && monotonicMs() < due) await sleep(unwatchedMs, signal);
    ring();
  }
}

/** Bytes wait for their turn. Deaths and requests of people ring the alarm at once. */
interface Bytes {
  readonly ring: () => void;
  /** A look begins, which sees what these bytes were for. Later bytes wait for its end. */
  readonly seen: () => void;
  /** The look is over; the next one that bytes cause must not begin before this moment. */
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

/** A sleep that others can end. */
export interface Alarm {
  readonly ring: () => void;
  /** Resolves once it has rung since the last time, or after `ms`; whether it has rung. */
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
