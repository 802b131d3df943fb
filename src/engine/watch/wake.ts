import { fallbackMs, unwatchedMs } from './intervals.ts';
import { monotonicMs, sleep } from '../../host/process/clock.ts';
import type { watchDirectory } from '../../host/files/watch-directory.ts';

/** Deaths, and requests of people; passes write all other files themselves. */
export const mayMeanWork = (file: string): boolean =>
  file.endsWith('.exit') || file === 'state.json';

export async function followFiles(
  files: ReturnType<typeof watchDirectory>,
  ring: Alarm['ring'],
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const due = monotonicMs() + fallbackMs;
    const names = await files.changes(fallbackMs, signal);
    // Awake early without a change: the kernel has no watch left, so look regularly.
    if (names.size === 0 && monotonicMs() < due) await sleep(unwatchedMs, signal);
    if (names.size > 0 && files.isWatched()) ring(names);
    else ring();
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

/** Why it has rung: these files have changed, or there is another reason as well. */
export type Rung = ReadonlySet<string> | 'other';

/** A sleep that others can end. */
export interface Alarm {
  /** @param files what has changed, if that is the only reason */
  readonly ring: (files?: ReadonlySet<string>) => void;
  /** Resolves once it has rung since the last time, or after `ms`: why it has rung, or undefined. */
  readonly wait: (ms: number) => Promise<Rung | undefined>;
}

export function createAlarm(signal: AbortSignal): Alarm {
  let rung: Rung | undefined;
  let wake: () => void = () => undefined;
  signal.addEventListener('abort', () => {
    wake();
  });
  return {
    ring: (files) => {
      const earlier = rung ?? [];
      const isOther = files === undefined || earlier === 'other';
      rung = isOther ? 'other' : new Set([...earlier, ...files]);
      wake();
    },
    wait: async (ms) => {
      if (rung === undefined && !signal.aborted) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        wake = () => undefined;
      }
      const answer = rung;
      rung = undefined;
      return answer;
    },
  };
}
