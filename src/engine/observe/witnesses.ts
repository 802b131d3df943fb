import { logPlacesOf } from '../../core/model/record.ts';
import { isGated, type Action } from '../../core/model/action.ts';
import type { PassOutcome, Refusal } from '../../core/model/decision.ts';
import type { Desired } from '../../core/model/desired.ts';
import { keyOf, type ProcessRef } from '../../core/model/instance.ts';
import { launchOf } from '../../core/model/launch.ts';
import type { Ledger, Unwitnessed } from '../../core/model/ledger.ts';
import {
  allObserved,
  drainingSince,
  liveProcess,
  observedAt,
  refOf,
  runIdOfStray,
  unclearStop,
  type Observation,
  type Presence,
} from '../../core/model/observation.ts';
import { identityOf, isSameProcess, type ProcessIdentity } from '../../core/model/process.ts';
import { reconcile } from '../../core/rules/reconcile.ts';
import { toBeReplaced } from '../../core/rules/replacements.ts';
import { abortedBy } from '../../core/rules/rollout.ts';
import { snapshotOf } from '../../core/rules/snapshot.ts';
import { withEntries, without } from '../../core/basics/lookup.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import { unclaimedWords } from '../../core/model/unclaimed.ts';
import { unclearWords } from '../../core/model/unclear-stop.ts';
import { baseOf, recordPath } from '../../host/state/paths.ts';
import { ownerOf } from '../../host/process/as-user.ts';
import { hearWitnesses, type Claim, type Testimony } from '../../host/worker/witness.ts';
import type { Context } from '../session.ts';
import { ownLogsIn } from './own-logs.ts';

type Scene = Pick<Context, 'config' | 'hostName'>;
type Seen = Pick<PassOutcome, 'observation'> & { readonly desired: Pick<Desired, 'adopted'> };

/** What makes a process that was seen the instance's, apart from its record. */
export type ClaimFor = (ref: ProcessRef, process: ProcessIdentity) => Claim;

/** Builds claims about the processes that a look has seen. */
export function claimsIn(scene: Scene, { observation, desired }: Seen): ClaimFor {
  const { config, hostName } = scene;
  const workers = new Map(config.workers.map((worker) => [worker.name, worker]));
  const ownLogs = ownLogsIn(scene);
  return (ref, process) => {
    const observed = observedAt(observation, ref);
    const run = runOf(observed?.presence);
    const { instance } = ref;
    const adoption = desired.adopted[keyOf(ref)]?.process;
    const worker = workers.get(workerNameOf(instance));
    const daemon = worker?.daemonizes && launchOf(worker, instance, config.stateDir, hostName);
    const owner = worker && ownerOf(worker);
    return {
      instance,
      stateDir: config.stateDir,
      process,
      runId: run.runId,
      ownLogs: () => ownLogs(instance, ...run.logs),
      ...(daemon && { daemon }),
      ...(owner !== undefined && { owner }),
      isAdopted: adoption !== undefined && isSameProcess(adoption, process),
    };
  };
}

function runOf(presence: Presence = { kind: 'absent' }): {
  runId: string;
  logs: readonly string[];
} {
  switch (presence.kind) {
    case 'absent':
      return { runId: '', logs: [] };
    case 'stray':
      return { runId: runIdOfStray(presence), logs: [] };
    case 'alive':
    case 'dead':
      return {
        runId: presence.record.runId,
        logs: logPlacesOf(presence.record).map(({ path }) => path),
      };
  }
}

/** A testimony after which a process gets no signal. */
export type Refusing = Exclude<Testimony, { readonly process: unknown }>;

/** Why a process gets no signal, and what to do, in words. */
export function refusalWords(
  { config: { stateDir } }: Scene,
  ref: ProcessRef,
  { pid }: ProcessIdentity,
  testimony: Refusing,
): string {
  const record = recordPath(stateDir, baseOf(ref));
  const { instance, retiring } = ref;
  switch (testimony.kind) {
    case 'foreign':
      return `${testimony.problem}, and only ${record} calls it ${instance}; remove that file, and the next pass looks for the process of ${instance}`;
    case 'unknown':
      return retiring === undefined
        ? `only ${record} says that it is ${instance}; if it is, run workerctl adopt ${instance} ${pid}; otherwise remove that file`
        : `only ${record} says that it is an old process of ${instance}; if it is, end it with kill -TERM ${pid}; otherwise remove that file`;
  }
}

/** What asks a process to exit, and what is only done with one that was asked. */
const goesWithStop: ReadonlySet<Action['kind']> = new Set(['retire', 'start']);
const asks: ReadonlySet<Action['kind']> = new Set(['stop', 'quiet', 'resume', ...goesWithStop]);

/** Whether an action on the process of a refusal is left out. One that may have been asked may still be killed. */
const isRefused = (action: Action, { isUnclear }: Refusal): boolean =>
  isUnclear === true ? asks.has(action.kind) : isGated(action) || goesWithStop.has(action.kind);

/**
 * Leaves out of a decision what would signal a process that only its record calls the instance's, or have a pidfile name it,
 * what would ask one that may have been asked already, and what would start one beside a process that only its output calls
 * the instance's; and aborts restarts that would have to: before any member of them is asked.
 */
export function withWitnesses(context: Context, outcome: PassOutcome): PassOutcome {
  const { observation, desired } = outcome;
  const claimFor = claimsIn(context, outcome);
  const refusals: Refusal[] = [];
  const cleared: string[] = [];
  for (const [key, { ref, process }] of concerned(context, outcome)) {
    const testimony = hearWitnesses(claimFor(ref, process));
    if (testimony.kind === 'witnessed' || testimony.kind === 'gone') cleared.push(key);
    else {
      const problem = refusalWords(context, ref, process, testimony);
      refusals.push({ ...ref, process: identityOf(process), problem });
    }
  }
  for (const { name: instance, unclaimed, presence } of observation.instances.values())
    if (unclaimed !== undefined && presence.kind !== 'stray')
      refusals.push({
        instance,
        process: identityOf(unclaimed),
        problem: unclaimedWords(instance, unclaimed),
      });
  const killed = outcome.plan.filter(({ kind }) => kind === 'kill');
  refusals.push(...unclearStops(observation, new Set([...refusals, ...killed].map(keyOf))));
  const ledger = noted(outcome.ledger, refusals, cleared);
  if (refusals.length === 0) return { ...outcome, ledger };
  const ofInstances = refusals.filter(({ retiring }) => retiring === undefined);
  const aborted = abortedBy(desired, ofInstances, observation.now);
  const replanned =
    aborted === desired
      ? outcome.plan
      : reconcile(snapshotOf(context.config, { desired: aborted, ledger }, observation));
  const byKey = new Map(refusals.map((refusal) => [keyOf(refusal), refusal]));
  const plan = replanned.filter((action) => {
    const refusal = byKey.get(keyOf(action));
    return refusal === undefined || !isRefused(action, refusal);
  });
  return { ...outcome, desired: aborted, ledger, refusals, plan };
}

/** The living processes whose stop notes cannot be understood, but for these. */
const unclearStops = (observation: Observation, others: ReadonlySet<string>): Refusal[] =>
  allObserved(observation).flatMap((observed) => {
    const note = unclearStop(observed);
    const process = liveProcess(observed);
    const ref = refOf(observed);
    if (note === undefined || process === undefined || others.has(keyOf(ref))) return [];
    const problem = unclearWords(ref, note);
    return [{ ...ref, process: identityOf(process), problem, isUnclear: true }];
  });

/** The living processes that the plan signals, and those that a restart would have to ask later. */
function concerned(
  { config }: Context,
  outcome: PassOutcome,
): Map<string, { ref: ProcessRef; process: ProcessIdentity }> {
  const { observation, plan } = outcome;
  const found = new Map<string, { ref: ProcessRef; process: ProcessIdentity }>();
  const add = ({ instance, retiring }: ProcessRef): void => {
    const ref = retiring === undefined ? { instance } : { instance, retiring };
    const observed = observedAt(observation, ref);
    const process = observed && liveProcess(observed);
    if (process !== undefined) found.set(keyOf(ref), { ref, process });
  };
  plan.filter(isGated).forEach(add);
  const asksAny = plan.some(({ kind }) => kind === 'stop' || kind === 'quiet');
  for (const instance of asksAny ? toBeReplaced(config, outcome) : []) {
    const observed = observation.instances.get(instance);
    if (observed !== undefined && drainingSince(observed) === undefined) add({ instance });
  }
  return found;
}

function noted(ledger: Ledger, refusals: readonly Refusal[], cleared: readonly string[]): Ledger {
  const before = without(ledger.unwitnessed, cleared);
  const added = refusals.map(({ process, problem, isUnclear, ...ref }): [string, Unwitnessed] => [
    keyOf(ref),
    { process, problem, ...(isUnclear === true && { isUnclear }) },
  ]);
  return { ...ledger, unwitnessed: withEntries(before, added) };
}
