import { WorkerctlError } from '../../core/basics/error.ts';
import { elapsed, type Moment } from '../../core/basics/time.ts';
import { describeErrno, errnoOf } from '../../host/files/errno.ts';
import { now } from '../../host/process/clock.ts';
import { report, type Context } from '../session.ts';

/** What keeps a watch from its work, or from a part of it. It is reported when it begins or changes, and when it is over. */
export interface Trouble {
  /** The work failed: returns how long to wait, in ms, before it is tried again. */
  readonly met: (error: unknown) => number;
  /** The work was done, except for this part of it. */
  readonly done: (rest?: string) => void;
  /** The same context. While there is trouble, it reports a shortage that no pass could end once. */
  readonly once: (context: Context) => Context;
}

/** The pause before the next attempt doubles from the first to the last of these, in ms. */
export const firstPauseMs = 1_000;
export const lastPauseMs = 60_000;

export function createTrouble(current: () => Pick<Context, 'report'>): Trouble {
  let known: { readonly problem: string; readonly since: Moment } | undefined;
  let pause = 0;
  const shortages = new Set<string>();
  const see = (problem: string): void => {
    if (problem === known?.problem) return;
    known = { problem, since: known?.since ?? now() };
    report(current(), 'watch', { kind: 'watch_impaired', problem });
  };
  return {
    met: (error) => {
      see(problemWords(error));
      pause = Math.min(lastPauseMs, Math.max(firstPauseMs, 2 * pause));
      return pause;
    },
    once: (context) => ({
      ...context,
      report: (event) => {
        const key =
          event.kind === 'missing' && `${event.instance} ${event.running} ${event.wanted}`;
        if (key !== false && shortages.has(key)) return;
        if (key !== false) shortages.add(key);
        context.report(event);
      },
    }),
    done: (rest) => {
      pause = 0;
      shortages.clear();
      if (rest !== undefined) {
        see(rest);
        return;
      }
      if (known === undefined) return;
      const { problem, since } = known;
      known = undefined;
      const lasted = elapsed(since, now());
      report(current(), 'watch', { kind: 'watch_recovered', problem, lasted });
    },
  };
}

/** An error in one line, with what to do about it. */
export function problemWords(error: unknown): string {
  if (error instanceof WorkerctlError)
    return error.hint === undefined ? error.message : `${error.message}; ${error.hint}`;
  if (errnoOf(error) !== undefined) return describeErrno(error);
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const [what, where = ''] = stack.split('\n');
  return `this is a bug in workerctl, please report it: ${what} ${where.trim()}`.trimEnd();
}
