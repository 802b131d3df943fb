import { planOf, type Plan } from '../model/plan.ts';
import { killed } from './kills.ts';
import { oversizedLogs } from './oversized-logs.ts';
import { toBeQuiet, toBeResumed } from './quieting.ts';
import { isHeld } from '../model/desired.ts';
import type { Snapshot } from './snapshot.ts';
import { missing, overlapping } from './starts.ts';
import {
  deliberatelyStopped,
  dueForRecycling,
  limited,
  outdated,
  stopIfRunning,
  stopWhenIdle,
  surplus,
  unaskedMembers,
  unaskedRetiring,
} from './stops.ts';
import {
  exitedRetiring,
  leftBehind,
  leftPidfiles,
  stalePidfiles,
  strays,
  tornRecords,
  wrongPidfiles,
} from './upkeep.ts';

/**
 * What has to be done so that the world becomes what is wanted. Pure: the snapshot's `now` is the only clock. Instances
 * that were not observed, or whose worker is not configured, are not touched.
 */
export function reconcile(snapshot: Snapshot): Plan {
  const { isEnding } = snapshot.desired;
  if (isEnding !== undefined) {
    const ends = snapshot.subjects().flatMap((subject) => {
      const { name } = subject.observed;
      const held = snapshot.desired.held[name];
      const isOverridden = held !== undefined && isHeld(snapshot.desired, name, snapshot.now);
      const cause = isOverridden ? `${isEnding}, despite the hold by ${held.by}` : isEnding;
      return stopIfRunning(subject, cause);
    });
    return planOf([
      ...strays(snapshot),
      ...leftPidfiles(snapshot),
      ...leftBehind(snapshot),
      ...limited(snapshot),
      ...killed(snapshot),
      ...ends,
      ...stopWhenIdle(snapshot, ends),
      ...unaskedRetiring(snapshot),
      ...unaskedMembers(snapshot),
    ]);
  }
  const asked = [
    ...deliberatelyStopped(snapshot),
    ...surplus(snapshot),
    ...outdated(snapshot),
    ...dueForRecycling(snapshot),
  ];
  const stops = [...asked, ...stopWhenIdle(snapshot, asked), ...unaskedRetiring(snapshot)];
  const isBarred = snapshot.observation.barred !== undefined;
  const retired = isBarred ? [] : overlapping(snapshot, stops);
  return planOf([
    ...strays(snapshot),
    ...wrongPidfiles(snapshot),
    ...leftPidfiles(snapshot),
    ...stalePidfiles(snapshot),
    ...leftBehind(snapshot),
    ...exitedRetiring(snapshot),
    ...tornRecords(snapshot),
    ...limited(snapshot),
    ...killed(snapshot),
    ...stops,
    ...unaskedMembers(snapshot),
    ...retired,
    ...toBeQuiet(snapshot, stops),
    ...toBeResumed(snapshot, stops),
    ...(isBarred ? [] : missing(snapshot, retired)),
    ...oversizedLogs(snapshot),
  ]);
}
