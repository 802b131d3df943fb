import type { Action } from '../../core/model/action.ts';
import { isDone } from '../../core/model/desired.ts';
import { instanceNames, keyOf } from '../../core/model/instance.ts';
import type { State } from '../../core/model/ledger.ts';
import type { Observation } from '../../core/model/observation.ts';
import { snapshotOf, type Snapshot } from '../../core/rules/snapshot.ts';
import { changesIn } from '../../core/rules/next-change.ts';
import { durationOf, type Duration } from '../../core/basics/time.ts';
import { codesFor, lookAge, openLaunches } from '../observe/launches.ts';
import { report, type Context } from '../session.ts';
import { runPass } from '../pass/pass.ts';
import { decideOn } from '../pass/decide.ts';
import { isSameState } from '../pass/state.ts';
import { type PassRequest } from '../pass/decide.ts';
import { type PassOutcome } from '../../core/model/decision.ts';
import { isLocked } from './settle.ts';
import type { Watched } from './view.ts';

/** How long such a pass waits for another one; after that this command looks again. */
const lockWait = durationOf(1_000);

const none: ReadonlySet<string> = new Set();

/** What this look has seen and what is wanted after it, and how soon there may be something to do without any event. */
export interface CarriedOn {
  readonly snapshot: Snapshot;
  readonly again?: Duration;
}

/**
 * Runs a pass if this look shows that one has something to do; the look itself needs no lock. Another command's pass may
 * come first; if this command is killed, the next bootcheck continues. One command does not retry what has `failed`. The
 * pass may see more than this look did: `onSeen` is called before it acts on that.
 */
export async function carryOn(
  context: Context,
  watched: Watched,
  observation: Observation,
  failed: ReadonlySet<string> = none,
  onSeen?: (seen: Observation) => void,
): Promise<CarriedOn> {
  const before = watched.last();
  const seen = await withLaunches(context, before, observation);
  const decided = decideOn(context, { kind: 'check' }, before, seen);
  const isIdle = decided.plan.every(
    (action) => failed.has(keyOf(action)) || isKnownRefusal(action, decided),
  );
  const isDone = isIdle && isSameState(decided, before);
  const scope = watched.instances.filter((name) => !failed.has(name));
  const state =
    isDone || context.signal.aborted
      ? before
      : await pass(
          context,
          { instances: scope, known: { ...decided, changed: watched.dying } },
          before,
          onSeen,
        );
  const snapshot = snapshotOf(context.config, state, seen);
  const again = changesIn(snapshot);
  return again === undefined ? { snapshot } : { snapshot, again };
}

/** Whether a pass has left this out before, because the process gets no signal: it would do so again. */
function isKnownRefusal(action: Action, { ledger }: State): boolean {
  const known = ledger.unwitnessed[keyOf(action)];
  return known !== undefined && !(known.isUnclear === true && action.kind === 'kill');
}

/** With the code that starts would give now, if a restart is under way or an instance has failed. */
async function withLaunches(
  context: Context,
  { desired, ledger }: State,
  observation: Observation,
): Promise<Observation> {
  const failed = Object.keys(ledger.failures);
  if (desired.rollouts.length === 0 && failed.length === 0) return observation;
  const found = openLaunches(context, lookAge);
  const launches = await codesFor(found, context.config, desired, failed);
  found.close();
  return launches === undefined ? observation : { ...observation, launches };
}

async function pass(
  context: Context,
  request: Pick<PassRequest, 'instances' | 'known'>,
  before: State,
  onSeen?: (seen: Observation) => void,
): Promise<State> {
  try {
    return await runPass(context, {
      goal: { kind: 'check' },
      ...request,
      lockWait,
      mayHaveStrays: false,
      ...(onSeen && {
        onSeen: ({ observation }: PassOutcome) => {
          onSeen(observation);
        },
      }),
    });
  } catch (error) {
    if (isLocked(error)) return before;
    throw error;
  }
}

/** Reports, once for each, the instances that are left alone after all. */
export function reportLeftAlone(
  context: Context,
  { config, desired, instance }: Snapshot,
  names: Iterable<string>,
): void {
  const wanted = new Set(config.workers.flatMap(instanceNames));
  for (const name of names) {
    const { [name]: stopped } = desired.stopped;
    const { [name]: held } = desired.held;
    if (!wanted.has(name)) report(context, name, { kind: 'skipped_surplus' });
    else if (stopped !== undefined)
      report(context, name, { kind: 'skipped_stopped', requestedBy: stopped.by });
    else if (isDone(desired, name)) report(context, name, { kind: 'skipped_done' });
    else if (held !== undefined) {
      const { by, until } = held;
      const presence = instance(name)?.presence;
      const release = presence?.kind === 'alive' ? presence.record.release : undefined;
      report(context, name, {
        kind: 'skipped_held',
        requestedBy: by,
        ...(until !== undefined && { until }),
        ...(release !== undefined && { release }),
      });
    }
  }
}
