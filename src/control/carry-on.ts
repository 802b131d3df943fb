import { instanceNames } from '../core/instance.ts';
import type { Intent } from '../core/intent.ts';
import type { Observation } from '../core/observation.ts';
import { changesIn } from '../core/reconcile.ts';
import { durationOf, type Duration } from '../core/time.ts';
import { withWants } from '../core/wants.ts';
import type { Config } from '../core/worker.ts';
import { report, type Context } from './context.ts';
import { decideOn, isSameIntent, runPass, type PassOutcome, type PassRequest } from './pass.ts';
import { isLocked } from './settle.ts';
import type { Watched } from './watched.ts';

/** A carry-on pass waits this long for another one; after that it just looks again. */
const lockWait = durationOf(1_000);

const nobody: ReadonlySet<string> = new Set();

/** What people want after this look, and how long until there may be something to do without anything happening. */
export interface CarriedOn {
  readonly intent: Intent;
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
  const before = watched.last().intent;
  const decided = decideOn(context, { kind: 'check' }, before, observation);
  const isIdle = decided.plan.every(({ instance }) => failed.has(instance));
  const isDone = isIdle && isSameIntent(decided.intent, before);
  const scope = watched.scope().filter((name) => !failed.has(name));
  const intent =
    isDone || context.signal.aborted
      ? before
      : await pass(context, { instances: scope, known: decided }, before, onSeen);
  const again = changesIn(context.config, intent, observation);
  return again === undefined ? { intent } : { intent, again };
}

async function pass(
  context: Context,
  request: Pick<PassRequest, 'instances' | 'known'>,
  before: Intent,
  onSeen?: (seen: Observation) => void,
): Promise<Intent> {
  try {
    const { intent } = await runPass(context, {
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
    return intent;
  } catch (error) {
    if (isLocked(error)) return before;
    throw error;
  }
}

/** The instances that the config has, or that people want in their place. */
export const wantedInstances = (config: Config, intent: Intent): ReadonlySet<string> =>
  new Set(withWants(config, intent).workers.flatMap(instanceNames));

/** Tells of the instances that are left alone after all, each once. */
export function reportLeftAlone(context: Context, intent: Intent, names: Iterable<string>): void {
  const wanted = wantedInstances(context.config, intent);
  for (const name of names) {
    const { [name]: stopped } = intent.stopped;
    const { [name]: held } = intent.held;
    if (!wanted.has(name)) report(context, name, { kind: 'left_unwanted' });
    else if (stopped !== undefined) report(context, name, { kind: 'left_stopped', by: stopped.by });
    else if (held !== undefined) {
      const { by, until } = held;
      report(context, name, { kind: 'left_held', by, ...(until !== undefined && { until }) });
    }
  }
}
