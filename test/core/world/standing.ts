import type { Observation } from '../../../src/core/model/observation.ts';
import { workerNameOf } from '../../../src/core/model/targets.ts';
import { isAlive, isReadyAt, type Being } from './being.ts';
import type { Chronicle, Requested } from './chronicle.ts';

/** How each member of each restart was when a pass looked, and is once that pass has asked him. */
export type Standings = ReadonlyMap<Requested, Map<string, Standing>>;

export type Standing =
  'released' | 'untouched' | 'asked' | 'vacant' | 'starting' | 'late' | 'replaced' | 'failed';

/** How far a member truly is. One that is held counts only if it was replaced before. */
export function standingOf(chronicle: Chronicle, restart: Requested, name: string): Standing {
  if (chronicle.stopped.has(name)) return 'released';
  const standing = placeOf(chronicle, restart, name);
  return chronicle.held.has(name) && standing !== 'replaced' ? 'released' : standing;
}

function placeOf(chronicle: Chronicle, { members }: Requested, name: string): Standing {
  const { places, sinceBoot } = chronicle.world;
  const being = places.get(name);
  if (being === undefined) return 'vacant';
  if (!isAlive(being)) {
    if (being.pid === members.get(name) || being.stop !== undefined) return 'vacant';
    return wasReady(being) ? 'replaced' : 'failed';
  }
  if (being.askedAt !== undefined) return 'asked';
  if (being.pid === members.get(name)) return 'untouched';
  if (isReadyAt(being, sinceBoot) || being.wasNotedReady) return 'replaced';
  const { ready } = being.worker;
  return ready.kind !== 'after' && sinceBoot - being.bornAt >= ready.timeout ? 'late' : 'starting';
}

function wasReady(being: Being): boolean {
  if (being.worker.ready.kind !== 'after') return being.wasNotedReady;
  return being.end !== undefined && isReadyAt(being, being.end.at);
}

/** Whether a look at a dead process that is judged by its age can tell whether it was ready. */
const isCertain = ({ worker, end, jumpsBefore }: Being): boolean =>
  worker.ready.kind !== 'after' || (end?.diedAt !== undefined && end.jumps === jumpsBefore);

/** What a look at these instances can tell of the restarts. */
export function watch(
  chronicle: Chronicle,
  standings: Standings,
  { instances }: Observation,
): void {
  for (const [restart, members] of standings) {
    for (const [name, standing] of members) {
      const being = chronicle.world.places.get(name);
      if (standing === 'released') restart.everReleased.add(name);
      const isUncertain =
        being?.end !== undefined && being.pid !== restart.members.get(name) && !isCertain(being);
      if ((standing === 'replaced' && !restart.startedByName.has(name)) || isUncertain)
        restart.provenWorkers.add(workerNameOf(name));
      const isFailure = standing === 'failed' || standing === 'late';
      if (isFailure || isUncertain) restart.mayHaveFailed = true;
      if (isFailure && !isUncertain && instances.has(name)) restart.hasFailed = true;
    }
  }
}
