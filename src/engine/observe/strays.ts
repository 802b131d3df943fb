import {
  allObserved,
  observedAt,
  refOf,
  withSeen,
  type Observation,
  type ObservedInstance,
} from '../../core/model/observation.ts';
import type { Scene } from '../scene.ts';
import { observe } from './observe.ts';
import { lookForStrays } from './presence.ts';

/**
 * The same as `lookForStrays`, but a process that has published its record since its files were read is no stray: another
 * command has just started it.
 */
export function withStrays(scene: Scene, seen: Observation): Observation {
  const found = lookForStrays(scene, seen);
  const isNew = (one: ObservedInstance): boolean =>
    one.presence.kind === 'stray' && observedAt(seen, refOf(one))?.presence.kind !== 'stray';
  const names = allObserved(found).flatMap((one) =>
    one.retiring === undefined && isNew(one) ? [one.name] : [],
  );
  if (names.length === 0) return found;
  const { notes, ...rest } = scene;
  const again = observe(notes === undefined ? scene : rest, names); // the notes were listed before
  const isUp = ({ presence }: ObservedInstance): boolean => presence.kind === 'alive';
  return withSeen(found, allObserved(again).filter(isUp));
}
