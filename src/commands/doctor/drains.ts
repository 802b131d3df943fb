import { orFine, problem, warning, type Findings } from '../../core/views/finding.ts';
import type { Desired } from '../../core/model/desired.ts';
import { shownName } from '../../core/model/instance.ts';
import {
  allObserved,
  drainingSince,
  refOf,
  type Observation,
  type ObservedInstance,
} from '../../core/model/observation.ts';
import { deadlineOf } from '../../core/rules/snapshot.ts';
import { durationOf, elapsed, formatDuration } from '../../core/basics/time.ts';

/** Jobs that are meant to take this long are rare. */
const veryLong = durationOf(6 * 3_600_000);

/** A pass needs some time to act after the limit. */
const grace = durationOf(90_000);

/** Drains that have outlasted their limit, and very long ones without a limit. */
export function drainFindings(desired: Desired, observation: Observation): Findings {
  const all = allObserved(observation);
  const draining = all.filter(
    (one) => one.presence.kind === 'alive' && drainingSince(one) !== undefined,
  );
  return orFine(
    all.map((one) => drainFinding(one, desired, observation)),
    'drains',
    draining.length === 0 ? 'none' : `${draining.length}, none for too long`,
  );
}

function drainFinding(
  observed: ObservedInstance,
  desired: Desired,
  observation: Observation,
): Findings {
  const { name, presence } = observed;
  const stop = drainingSince(observed);
  if (presence.kind !== 'alive' || stop === undefined) return [];
  const about = shownName(refOf(observed));
  const since = elapsed(stop.at, observation.now);
  const what = `pid ${presence.process.pid} has been draining for ${formatDuration(since)} (${stop.cause})`;
  const deadline = deadlineOf(observed, { desired });
  if (deadline !== undefined) {
    const late = observation.sinceBoot - deadline;
    if (late < grace) return [];
    return problem(about, `${what}; its limit was over ${formatDuration(durationOf(late))} ago`, [
      'no pass has run since then that would have killed it, so it is not replaced',
      'run workerctl bootcheck, and make sure that cron or a watch runs',
    ]);
  }
  if (since < veryLong) return [];
  return warning(about, `${what}, without a limit`, [
    'it is not replaced meanwhile, and may run old code',
    `see what it is doing; workerctl stop ${name} --now ends it, and its job is lost`,
  ]);
}
