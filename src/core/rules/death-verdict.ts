import { heldJobs, type HeldJobs } from '../model/activity.ts';
import type { ObservedInstance, Presence } from '../model/observation.ts';
import { endOf } from './ends.ts';
import { wasReady } from './readiness.ts';
import type { Death } from '../model/record.ts';
import { signalNumber } from '../model/signal-names.ts';
import type { Moment } from '../basics/time.ts';
import type { Worker } from '../model/config.ts';
import type { Verdict } from '../model/record.ts';

/** What the death of a process means. */
export interface DeathAssessment {
  readonly verdict: Verdict;
  /** What asked for it, or what the process was doing when it died. */
  readonly cause?: string;
  /** What it was busy with. */
  readonly held: HeldJobs;
  /** Whether a job was lost with it; `unknown` if it is not known whether it had one. */
  readonly isJobLost: 'yes' | 'no' | 'unknown';
}

type Dead = Extract<Presence, { kind: 'dead' }>;

/**
 * Assesses the death of a process. Exit status 0 does not prove that a job was finished, but a process that exits by
 * itself, asked or not, has had its chance. One that was ended before it was ready had no job.
 * @param worker undefined if the config no longer has it
 */
export function assessDeath(
  { activity }: ObservedInstance,
  dead: Dead,
  worker: Worker | undefined,
  now: Moment,
): DeathAssessment {
  const held = heldJobs(activity);
  const isBusy = activity?.kind === 'busy';
  const cut = cutOff(activity);
  const { death, stop, killing } = dead;
  if (killing !== undefined) {
    const cause = killing.isWatchdog
      ? `the watchdog: ${killing.cause}`
      : `its limit: ${killing.cause}`;
    return { verdict: 'requested', cause, held, isJobLost: cut };
  }
  if (stop?.sent === true) {
    if (isOtherSignal(death, stop.signal))
      return {
        verdict: 'unexpected',
        cause: `while it drained (${stop.cause})`,
        held,
        isJobLost: cut,
      };
    const verdict = stop.isRecycle === true ? 'recycled' : 'requested';
    // A process that dies of the signal itself does not drain: its job is lost.
    const isCut = isBusy && death.kind === 'signalled';
    return { verdict, cause: stop.cause, held, isJobLost: isCut ? 'yes' : 'no' };
  }
  if (worker !== undefined && endOf(worker, dead) === 'success')
    return { verdict: 'done', held, isJobLost: 'no' };
  const isStarting = worker !== undefined && !wasReady(dead, worker.ready, now);
  if (isStarting && isEndSignal(death))
    return {
      verdict: 'requested',
      cause: 'a signal from outside before it was ready',
      held: {},
      isJobLost: 'no',
    };
  const hasExited = death.kind === 'exited' && death.status === 0;
  if (isStarting || hasExited)
    return { verdict: 'unexpected', held, isJobLost: isBusy ? 'yes' : 'no' };
  return { verdict: 'unexpected', held, isJobLost: cut };
}

/** Whether a job is lost with a process that is cut off. */
function cutOff(activity: ObservedInstance['activity']): DeathAssessment['isJobLost'] {
  if (activity === undefined) return 'unknown';
  return activity.kind === 'busy' ? 'yes' : 'no';
}

/** Whether it died of a signal other than the one that it was asked to stop with. */
const isOtherSignal = (death: Death, asked: string): boolean =>
  death.kind === 'signalled' && death.signal !== signalNumber(asked);

/** The signals by which people and init systems end processes. */
const isEndSignal = (death: Death): boolean =>
  death.kind === 'signalled' &&
  ['HUP', 'INT', 'QUIT', 'TERM'].some((name) => signalNumber(name) === death.signal);
