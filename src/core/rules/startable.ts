import { liveProcess } from '../model/observation.ts';
import { isAwaited } from './awaited.ts';
import { heldBack } from './rollout.ts';
import type { Snapshot, Subject } from './snapshot.ts';
import { staysDownUntil } from './unstarted.ts';

/** The instances that are wanted and down, and that nothing but their turn keeps from being started. */
export function startable(snapshot: Snapshot): Subject[] {
  const { ledger, now } = snapshot;
  const waiting = heldBack(snapshot);
  return snapshot
    .notable()
    .filter(
      ({ observed, worker, isWanted }) =>
        isWanted &&
        !waiting.has(observed.name) &&
        liveProcess(observed) === undefined &&
        staysDownUntil(ledger, observed, worker, now) === undefined &&
        !isAwaited(observed, worker),
    );
}
