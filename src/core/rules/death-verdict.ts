import { jobOf } from '../model/activity.ts';
import type { ObservedInstance, Presence } from '../model/observation.ts';
import { wasReady } from './readiness.ts';
import type { Death } from '../model/record.ts';
import { signalNumber } from '../model/signal-names.ts';
import type { Moment } from '../basics/time.ts';
import type { Worker } from '../model/config.ts';
import type { Verdict } from '../model/record.ts';

/** What is made of a death. */
export interface Finding {
  readonly verdict: Verdict;
  /** Who asked for it, or what it was about when it died, in words. */
  readonly by?: string;
  /** What it was busy with, in its own words. */
  readonly job?: string;
  /** Whether a job was lost with it; `unknown` where nobody knows whether it had one. */
  readonly isJobLost: 'yes' | 'no' | 'unknown';
}

type Dead = Extract<Presence, { kind: 'dead' }>;

/**
 * What is made of the death of this process. Exit status 0 is no proof that a job was finished; but a process that leaves
 * by itself, asked or not, has had its chance. One that was told to finish while it was still booting had no job.
 * @param worker undefined where the config has lost it
 */
export function findingOf(
  { activity }: ObservedInstance,
  dead: Dead,
  worker: Worker | undefined,
  now: Moment,
): Finding {
  const job = jobOf(activity);
  const held = job === undefined ? {} : { job };
  const cut = cutOff(activity);
  const { death, stop, killing } = dead;
  if (killing !== undefined) {
    const by = killing.isWatchdog
      ? `the watchdog: ${killing.cause}`
      : `its limit: ${killing.cause}`;
    return { verdict: 'asked', by, ...held, isJobLost: cut };
  }
  if (stop?.sent === true) {
    if (isOtherSignal(death, stop.signal))
      return { verdict: 'lost', by: `while it drained (${stop.cause})`, ...held, isJobLost: cut };
    const verdict = stop.isRecycle === true ? 'recycled' : 'asked';
    // Who dies of the very signal knows no drain: what it was at is lost.
    const isCut = job !== undefined && death.kind === 'signalled';
    return { verdict, by: stop.cause, ...held, isJobLost: isCut ? 'yes' : 'no' };
  }
  const isBooting = worker !== undefined && !wasReady(dead, worker.ready, now);
  if (isBooting && isEndSignal(death))
    return { verdict: 'asked', by: 'a signal from outside while it was booting', isJobLost: 'no' };
  const hasLeft = death.kind === 'exited' && death.status === 0;
  if (isBooting || hasLeft)
    return { verdict: 'lost', ...held, isJobLost: job === undefined ? 'no' : 'yes' };
  return { verdict: 'lost', ...held, isJobLost: cut };
}

/** Whether a job is lost with a process that is cut off in whatever it does. */
function cutOff(activity: ObservedInstance['activity']): Finding['isJobLost'] {
  if (activity === undefined) return 'unknown';
  return activity.kind === 'busy' ? 'yes' : 'no';
}

/** Whether it died of a signal that it was not asked with. */
const isOtherSignal = (death: Death, asked: string): boolean =>
  death.kind === 'signalled' && death.signal !== signalNumber(asked);

/** What people and init systems end processes with. */
const isEndSignal = (death: Death): boolean =>
  death.kind === 'signalled' &&
  ['HUP', 'INT', 'QUIT', 'TERM'].some((name) => signalNumber(name) === death.signal);
