import { isFailedAction } from '../../core/events/event.ts';
import type { PassOutcome } from '../../core/model/decision.ts';
import { durationOf, type Duration } from '../../core/basics/time.ts';
import { waitingForTurn } from '../../core/rules/places.ts';
import { snapshotOf } from '../../core/rules/snapshot.ts';
import { listening, type Context } from '../session.ts';
import { carryOn } from './carry-on.ts';
import { settle, type Settled } from './settle.ts';
import { watchInstances } from './view.ts';

const never = durationOf(Infinity);

/** Shows nothing: a bootcheck has no terminal. */
const silence = { first: never, every: never, show: (): void => undefined };

/**
 * Starts the instances that wait for their turn, each as soon as one before it is ready. It holds no lock meanwhile; what is
 * left after `limit` is up to the next bootcheck.
 */
export async function startInTurn(
  context: Context,
  { desired, ledger, observation }: Pick<PassOutcome, 'desired' | 'ledger' | 'observation'>,
  limit: Duration,
): Promise<Settled> {
  const { config } = context;
  const failed = new Set<string>();
  const listener = listening({ ...context, progress: silence }, (event) => {
    if (isFailedAction(event)) failed.add(event.instance);
  });
  const waiting = waitingForTurn(snapshotOf(config, { desired, ledger }, observation));
  const watched = watchInstances(listener, [...observation.instances.keys()]);
  return settle(listener, {
    command: 'start',
    pending: waiting,
    limit,
    watched,
    look: async (seen) => {
      const { snapshot, again } = await carryOn(listener, watched, seen, failed);
      const left = new Set(waitingForTurn(snapshot));
      return {
        settled: waiting.filter((name) => !left.has(name) || failed.has(name)),
        items: [],
        ...(again !== undefined && { again }),
      };
    },
  });
}
