import { instanceNames, keyOf } from '../../core/model/instance.ts';
import type { Desired } from '../../core/model/desired.ts';
import type { State } from '../../core/model/ledger.ts';
import type { Observation } from '../../core/model/observation.ts';
import { changesIn } from '../../core/rules/next-change.ts';
import { durationOf, type Duration } from '../../core/basics/time.ts';
import { withCounts } from '../../core/rules/scaling.ts';
import type { Config } from '../../core/model/config.ts';
import { report, type Context } from '../session.ts';
import { runPass } from '../pass/pass.ts';
import { decideOn } from '../pass/decide.ts';
import { isSameState } from '../pass/state.ts';
import { type PassRequest } from '../pass/decide.ts';
import { type PassOutcome } from '../../core/model/decision.ts';
import { isLocked } from './settle.ts';
import type { Watched } from './view.ts';

/** A carry-on pass waits this long for another one; after that it just looks again. */
const lockWait = durationOf(1_000);

const nobody: ReadonlySet<string> = new Set();

/** What people want after this look, and how long until there may be something to do without anything happening. */
export interface CarriedOn {
  readonly desired: Desired;
  readonly again?: Duration;
}

/**
 * Runs a pass if this look shows that there is something for one to do: the look itself needs no lock. Somebody else's
 * pass may come first; a kill of this command leaves it to the next bootcheck. What has `failed` is not tried again and
 * again by the same command. The pass may see more than this look did: `onSeen` is told before it acts on that.
 */
export async function carryOn(
  context: Context,
  watched: Watched,
  observation: Observation,
  failed: ReadonlySet<string> = nobody,
  onSeen?: (seen: Observation) => void,
): Promise<CarriedOn> {
  const before = watched.last();
  const decided = decideOn(context, { kind: 'check' }, before, observation);
  const isIdle = decided.plan.every((action) => failed.has(keyOf(action)));
  const isDone = isIdle && isSameState(decided, before);
  const scope = watched.instances.filter((name) => !failed.has(name));
  const { desired, ledger } =
    isDone || context.signal.aborted
      ? before
      : await pass(context, { instances: scope, known: decided }, before, onSeen);
  const again = changesIn(context.config, desired, observation, ledger);
  return again === undefined ? { desired } : { desired, again };
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

/** The instances that the config has, or that people want in their place. */
export const wantedInstances = (config: Config, desired: Desired): ReadonlySet<string> =>
  new Set(withCounts(config, desired).workers.flatMap(instanceNames));

/** Tells of the instances that are left alone after all, each once. */
export function reportLeftAlone(context: Context, desired: Desired, names: Iterable<string>): void {
  const wanted = wantedInstances(context.config, desired);
  for (const name of names) {
    const { [name]: stopped } = desired.stopped;
    const { [name]: held } = desired.held;
    if (!wanted.has(name)) report(context, name, { kind: 'skipped_surplus' });
    else if (stopped !== undefined)
      report(context, name, { kind: 'skipped_stopped', requestedBy: stopped.by });
    else if (held !== undefined) {
      const { by, until } = held;
      report(context, name, {
        kind: 'skipped_held',
        requestedBy: by,
        ...(until !== undefined && { until }),
      });
    }
  }
}
