import { filtered, mapOf, withEntries } from '../basics/lookup.ts';
import { elapsed, momentOf, type Moment } from '../basics/time.ts';
import type { Config, Worker } from '../model/config.ts';
import { isDone, isStopped } from '../model/desired.ts';
import { instanceNames, isKeyOfRetiring } from '../model/instance.ts';
import type { Ledger, Loss, State } from '../model/ledger.ts';
import {
  allObserved,
  deadIn,
  keyOfObserved,
  latestDeath,
  type Observation,
  type ObservedInstance,
  type Presence,
} from '../model/observation.ts';
import { workerNameOf } from '../model/targets.ts';
import { failureAfter, isOfRelease } from './backoff.ts';
import { askedAfter, unstartedAfter } from './unstarted.ts';
import { assessDeath, type DeathAssessment } from './death-verdict.ts';

/** A death that is not in the ledger yet. */
export interface NewDeath {
  readonly observed: ObservedInstance;
  readonly dead: Extract<Presence, { kind: 'dead' }>;
  readonly worker: Worker | undefined;
  readonly assessment: DeathAssessment;
}

/** Whether this instance's process has died and the ledger does not know. Such a death is reported and counted, once. */
export const isNewDeath = ({ reportedDeaths }: Ledger, observed: ObservedInstance): boolean =>
  observed.presence.kind === 'dead' &&
  reportedDeaths[keyOfObserved(observed)] !== observed.presence.record.runId;

/** The deaths that this look has found. */
export const newDeaths = (config: Config, ledger: Ledger, observation: Observation): NewDeath[] =>
  deathsAmong(config, observation, (observed) => isNewDeath(ledger, observed));

/** The deaths that were reported without how they came about, and of which a shim has reported that by now. */
export const explainedDeaths = (
  config: Config,
  ledger: Ledger,
  observation: Observation,
): NewDeath[] =>
  deathsAmong(
    config,
    observation,
    (observed) =>
      observed.presence.kind === 'dead' &&
      observed.presence.death.kind !== 'unknown' &&
      ledger.unexplained[keyOfObserved(observed)] === observed.presence.record.runId,
  );

/** Of these, the ones that say whether a job was lost with the process, while that was still being waited for. */
export const decidedLosses = (
  config: Config,
  ledger: Ledger,
  observation: Observation,
): NewDeath[] =>
  ledger.losses.length === 0
    ? []
    : explainedDeaths(config, ledger, observation).filter(
        ({ dead, assessment }) =>
          assessment.isJobLost !== 'unknown' &&
          ledger.losses.some(
            ({ runId, continuing }) => runId === dead.record.runId && continuing === undefined,
          ),
      );

function deathsAmong(
  config: Config,
  observation: Observation,
  isMeant: (observed: ObservedInstance) => boolean,
): NewDeath[] {
  return deadIn(observation)
    .filter(isMeant)
    .flatMap((observed) => {
      const { name, presence } = observed;
      if (presence.kind !== 'dead') return [];
      const worker = config.workers.find((one) => one.name === workerNameOf(name));
      const assessment = assessDeath(observed, presence, worker, observation.now);
      return [{ observed, dead: presence, worker, assessment }];
    });
}

/**
 * The ledger once the deaths of this look have been reported and counted, and the losses that are due have been reported.
 * @param config with the counts in force
 */
export function ledgerAfter(
  config: Config,
  state: State,
  observation: Observation,
): Pick<Ledger, 'failures' | 'reportedDeaths' | 'unexplained' | 'losses' | 'unstarted' | 'asked'> {
  return {
    failures: failuresAfter(config, state, observation),
    reportedDeaths: reportedAfter(state.ledger.reportedDeaths, observation, () => true),
    unexplained: reportedAfter(
      state.ledger.unexplained,
      observation,
      ({ death }) => death.kind === 'unknown',
    ),
    losses: lossesAfter(config, withEndOfContinuing(state.ledger, observation), observation),
    unstarted: unstartedAfter(config, state, observation),
    asked: askedAfter(config, state, observation),
  };
}

function failuresAfter(
  config: Config,
  { desired, ledger }: State,
  observation: Observation,
): Ledger['failures'] {
  const isAnyKnown = Object.keys(ledger.failures).length > 0;
  if (!isAnyKnown && deadIn(observation).length === 0) return ledger.failures;
  const after = mapOf(Object.entries(ledger.failures));
  for (const worker of config.workers) {
    for (const name of instanceNames(worker)) {
      const observed = observation.instances.get(name);
      const { [name]: before } = ledger.failures;
      if (observed === undefined) continue;
      if (before === undefined && !isNewDeath(ledger, observed)) continue;
      const failure =
        isStopped(desired, name) || isDone(desired, name)
          ? undefined
          : failureAfter(before, observed, worker, observation, isNewDeath(ledger, observed));
      const next = observation.launches?.get(name)?.release;
      if (failure !== undefined && isOfRelease(failure, next)) after[name] = failure;
      else if (before !== undefined) Reflect.deleteProperty(after, name);
    }
  }
  return after;
}

/** A death is remembered until the instance has another process, that of a retiring process until its files are gone. */
function reportedAfter(
  before: Ledger['reportedDeaths'],
  observation: Observation,
  isMeant: (dead: NewDeath['dead']) => boolean,
): Ledger['reportedDeaths'] {
  const dead = new Map<string, string>();
  for (const observed of deadIn(observation)) {
    const { presence } = observed;
    if (presence.kind === 'dead' && isMeant(presence))
      dead.set(keyOfObserved(observed), presence.record.runId);
  }
  if (Object.keys(before).length === 0) return mapOf(dead);
  const seen = new Set(allObserved(observation).map(keyOfObserved));
  const looked = new Set([...observation.instances.keys()].map(workerNameOf));
  const lasts = (key: string): boolean =>
    !seen.has(key) && !(isKeyOfRetiring(key) && looked.has(workerNameOf(key)));
  return withEntries(
    filtered(before, (_, key) => lasts(key) || dead.has(key)),
    dead,
  );
}

function lossesAfter(config: Config, ledger: Ledger, observation: Observation): Ledger['losses'] {
  const open = newDeaths(config, ledger, observation).flatMap((death) => {
    const loss = pendingLoss(death, observation);
    return loss === undefined ? [] : [loss];
  });
  const decided = runIdsOf(decidedLosses(config, ledger, observation));
  return [
    ...ledger.losses.filter((loss) => !isDue(loss, observation.now) && !decided.has(loss.runId)),
    ...open,
  ];
}

export const runIdsOf = (deaths: readonly NewDeath[]): ReadonlySet<string> =>
  new Set(deaths.map(({ dead }) => dead.record.runId));

/** The loss that a death may turn out to be; undefined if it is known already, or if its grace is over before this first look. */
export function pendingLoss(
  { observed, dead, worker, assessment }: NewDeath,
  { now }: Observation,
): Loss | undefined {
  const { continuing } = observed;
  const { isJobLost, held } = assessment;
  if (isJobLost === 'no' || (isJobLost === 'yes' && continuing === undefined)) return undefined;
  const { pid, runId } = dead.record;
  const at = latestDeath(dead, now);
  const due = isJobLost === 'yes' ? at : momentOf(at + (worker?.lostGrace ?? 0));
  const loss = { instance: observed.name, pid, runId, death: dead.death, at, due };
  if (continuing !== undefined) return { ...loss, held, continuing };
  return isDue(loss, now) ? undefined : loss;
}

/** What exits this soon after the process has died with it, and has not finished its job. */
const diedTogetherMs = 1_000;

/** The losses of which all that might go on with the job have exited by now, and how that is judged. */
export function endOfContinuing(
  { losses }: Ledger,
  observation: Observation,
): { readonly loss: Loss; readonly isFinished: boolean }[] {
  return losses.flatMap((loss) => {
    if (loss.continuing === undefined) return [];
    const observed = allObserved(observation).filter(({ name }) => name === loss.instance);
    const own = observed.find(
      ({ presence }) => presence.kind === 'dead' && presence.record.runId === loss.runId,
    );
    if (observed.length === 0 || own?.continuing !== undefined) return [];
    const isFinished = own === undefined || elapsed(loss.at, observation.now) >= diedTogetherMs;
    return [{ loss, isFinished }];
  });
}

/** The ledger without the losses whose jobs were finished after all; the others are due as if nothing had gone on with them. */
export function withEndOfContinuing(ledger: Ledger, observation: Observation): Ledger {
  const ended = endOfContinuing(ledger, observation);
  if (ended.length === 0) return ledger;
  const losses = ledger.losses.flatMap((loss): Loss[] => {
    const end = ended.find((one) => one.loss === loss);
    if (end === undefined) return [loss];
    const { instance, pid, runId, death, at, due, held } = loss;
    const plain = { instance, pid, runId, death, at, due, ...(held && { held }) };
    return end.isFinished ? [] : [plain];
  });
  return { ...ledger, losses };
}

/** A death in the future comes from a clock that was set back since: it is not waited for. */
export const isDue = ({ at, due, continuing }: Loss, now: Moment): boolean =>
  continuing === undefined && (now >= due || at > now);

/** When the next loss is reported. */
export const nextLossAt = ({ losses }: Ledger): Moment | undefined => {
  const dues = losses.flatMap(({ due, continuing }) => (continuing === undefined ? [due] : []));
  return dues.length === 0 ? undefined : momentOf(Math.min(...dues));
};
