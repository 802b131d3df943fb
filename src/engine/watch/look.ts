import { isFailedAction } from '../../core/events/event.ts';
import { lookup } from '../../core/basics/lookup.ts';
import { instanceNames } from '../../core/model/instance.ts';
import { allObserved, liveProcess, type Observation } from '../../core/model/observation.ts';
import { withoutRotations } from '../../core/model/plan.ts';
import { changesIn } from '../../core/rules/next-change.ts';
import { snapshotOf } from '../../core/rules/snapshot.ts';
import { selectInstances } from '../../core/model/targets.ts';
import { durationOf } from '../../core/basics/time.ts';
import { withCounts } from '../../core/rules/scaling.ts';
import { readDesired } from '../../host/state/desired-file.ts';
import { recordedInstances } from '../../host/state/paths.ts';
import { type WarnOnce } from './warn-once.ts';
import { listening, report, silent, type Context } from '../session.ts';
import { planPass, runPass } from '../pass/pass.ts';
import { isSameState } from '../pass/state.ts';
import { type PassRequest } from '../pass/decide.ts';
import { type PassOutcome } from '../../core/model/decision.ts';
import { isLocked } from '../wait/settle.ts';
import { type DeathWatch } from './deaths.ts';
import { failedMs, fallbackMs, gapMs, retryMs } from './intervals.ts';
import type { Rotator } from './rotator.ts';

/** What a look has seen, and when the next one is due at the latest. */
export interface Seen {
  readonly observation: Observation;
  readonly waitMs: number;
  /** Another command held the lock, so that this look could do nothing. */
  readonly isLocked?: true;
  /** What the pass of this look has acted on. */
  readonly touched?: readonly string[];
}

/** What the watch knows from its looks until now, if it need not look at all instances again. */
export interface Known {
  readonly observation: Observation;
  /** The instances that have to be looked at. */
  readonly changed: ReadonlySet<string>;
}

/** One look, and a pass if it finds something to do. */
export async function look(
  context: Context,
  deaths: DeathWatch,
  {
    rotator,
    warnings,
    known,
  }: { readonly rotator: Rotator; readonly warnings: WarnOnce; readonly known?: Known | undefined },
): Promise<Seen> {
  const request = requestFor(context, known?.observation);
  const measuring = { ...silent(context), measuresLogs: 'limited' as const };
  const quick = await planPass(measuring, {
    ...request,
    mayHaveStrays: false,
    ...(known && { known: { ...known, plan: [] } }),
  });
  deaths.see(quick.observation);
  warnings.see(context, quick.observation);
  // Reading all of /proc twice takes most of a restart. A process that was seen to die has left no stray in its place.
  const mayHaveStrays = !quick.plan.every((step) => deaths.saw(step, quick.observation));
  const { desired, ledger, before, observation, ...found } = mayHaveStrays
    ? await planPass(measuring, request)
    : quick;
  const { plan, rotations } = withoutRotations(found.plan);
  rotator.rotate(context, rotations);
  const again =
    changesIn(snapshotOf(context.config, { desired, ledger }, observation)) ??
    durationOf(fallbackMs);
  if (plan.length === 0 && isSameState({ desired, ledger }, before))
    return { observation, waitMs: Math.min(fallbackMs, again) };
  try {
    const failures = countUnasked(context);
    await runPass(failures.context, {
      ...request,
      mayHaveStrays,
      known: { observation, plan },
      lockWait: durationOf(retryMs),
      onSeen: (outcome) => {
        reportShortages(context, outcome);
      },
    });
    if (failures.count() > 0) return { observation, waitMs: failedMs };
    return { observation, waitMs: gapMs, touched: plan.map(({ instance }) => instance) };
  } catch (error) {
    if (!isLocked(error)) throw error;
    return { observation, waitMs: retryMs, isLocked: true };
  }
}

/** Counts instances that could not be asked or adopted: nothing else delays the next attempt. Starts that fail are in the ledger. */
function countUnasked(context: Context): { context: Context; count: () => number } {
  let count = 0;
  const counting = listening(context, (event) => {
    if (isFailedAction(event) && event.kind !== 'start_failed') count += 1;
  });
  return { context: counting, count: () => count };
}

/** What `watch` asks of a pass: what bootcheck does, without waiting for the lock. */
export function requestFor(context: Context, known?: Observation): PassRequest {
  const { stateDir } = context.config;
  const config = withCounts(context.config, readDesired(stateDir));
  const recorded = known === undefined ? recordedInstances(stateDir) : known.instances.keys();
  return {
    goal: { kind: 'check' },
    instances: selectInstances(config, [...recorded], []),
    lockWait: durationOf(0),
    mayHaveStrays: true,
  };
}

/**
 * Reports workers with too few instances, in the words that operators know from MogileFS. If all that is started has failed to
 * start before, that was reported.
 */
function reportShortages(
  context: Context,
  { desired, ledger, plan, observation }: PassOutcome,
): void {
  const snapshot = snapshotOf(context.config, { desired }, observation);
  const { config } = snapshot;
  const living = allObserved(observation).filter((one) => liveProcess(one) !== undefined);
  const running = new Set(living.map(({ name }) => name));
  for (const worker of config.workers) {
    const names = instanceNames(worker);
    // A replacement beside its old process is no shortage.
    const started = plan.flatMap(({ kind, instance }) =>
      kind === 'start' && names.includes(instance) && !running.has(instance) ? [instance] : [],
    );
    if (started.every((name) => lookup(ledger.unstarted, name) !== undefined)) continue;
    const has = names.filter((name) => running.has(name)).length;
    const wanted = has + snapshot.missing(worker).filter((name) => !running.has(name)).length;
    report(context, worker.name, {
      kind: 'missing',
      running: has,
      wanted,
      starting: started.length,
    });
  }
}
