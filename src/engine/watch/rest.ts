import { allObserved, refOf, type Observation } from '../../core/model/observation.ts';
import { isForeign } from '../../core/model/record.ts';
import { monotonicMs } from '../../host/process/clock.ts';
import type { SilenceTracker } from '../../host/state/silence.ts';
import { findProcess } from '../../host/process/process-table.ts';
import { baseOf } from '../../host/state/paths.ts';
import { type Context } from '../session.ts';
import { type Alarm, type Rung } from './wake.ts';
import { unreported } from './deaths.ts';
import { tickMs } from './intervals.ts';

/**
 * Sleeps until something may have changed. Meanwhile it checks signs of life, and whether the processes live whose death no shim
 * reports. Both cost next to nothing. @returns why it has been woken; undefined: the time is over
 */
export async function restUntil(
  deadline: number,
  { context, signal }: { readonly context: Context; readonly signal: AbortSignal },
  alarm: Alarm,
  observation: Observation,
): Promise<Rung | undefined> {
  const { silence } = context;
  const all = listened(context, observation);
  const orphans = unreported(observation);
  const isLaunching = allObserved(observation).some(
    ({ presence }) => presence.kind === 'alive' && presence.record.launch !== undefined,
  );
  const isQuiet = all.length + orphans.length === 0 && !isLaunching;
  for (;;) {
    const left = deadline - monotonicMs();
    if (left <= 0 || signal.aborted) return undefined;
    const rung = await alarm.wait(Math.min(left, isQuiet ? left : tickMs));
    if (rung !== undefined) return rung;
    if (countSilent(silence, all) > 0) return 'other';
    // The result of a launch is in its record, which is not watched.
    if (isLaunching || orphans.some((process) => findProcess(process) === undefined))
      return 'other';
  }
}

interface Listened {
  /** The beginning of the names of its files. */
  readonly base: string;
  readonly runId: string;
  readonly timeout: number;
}

/** The processes from which signs of life are expected. */
function listened({ config }: Context, observation: Observation): Listened[] {
  return config.workers.flatMap(({ heartbeat, name: worker }) =>
    heartbeat === undefined
      ? []
      : allObserved(observation).flatMap((observed) => {
          const { name, presence } = observed;
          if (presence.kind !== 'alive' || isForeign(presence.record)) return [];
          if (!name.startsWith(`${worker}.`)) return [];
          const { runId } = presence.record;
          // What has extended its limits is looked at when they are over.
          const isExtended = (presence.extension?.until ?? 0) > observation.sinceBoot;
          const timeout = isExtended ? Infinity : heartbeat.timeout;
          return [{ base: baseOf(refOf(observed)), runId, timeout }];
        }),
  );
}

/** Asks for all of them, so that each silence is measured from its beginning. */
function countSilent(silence: SilenceTracker, all: readonly Listened[]): number {
  let count = 0;
  const beats = all.length === 0 ? undefined : silence.beats();
  for (const { base, runId, timeout } of all)
    if (silence.silenceOf(base, runId, beats) >= timeout) count += 1;
  return count;
}
