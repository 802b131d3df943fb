import { lookup, mapOf } from '../basics/lookup.ts';
import { durationOf, elapsed, type Duration, type Moment } from '../basics/time.ts';
import type { Config } from '../model/config.ts';
import { isDone, isStopped } from '../model/desired.ts';
import { keptTimes, type DrainTimes, type RestartCounts } from '../model/history.ts';
import { instanceNames } from '../model/instance.ts';
import type { Ledger, State } from '../model/ledger.ts';
import type { Observation } from '../model/observation.ts';
import { workerNameOf } from '../model/targets.ts';
import { newDeaths, type NewDeath } from './deaths.ts';

const hourMs = 3_600_000;
const hoursKept = 24;

/** How often an instance was restarted in the last 24 hours, counted by the hour. */
export interface Restarts {
  readonly all: number;
  /** Of these, how many because its process had ended without being asked. */
  readonly unexpected: number;
}

/**
 * What is remembered of restarts and drains once the deaths of this look are counted. Without new deaths it is the same as
 * before, so that a pass which finds nothing writes nothing.
 * @param config with the counts in force
 */
export function historyAfter(
  config: Config,
  { desired, ledger }: State,
  observation: Observation,
): Pick<Ledger, 'restarts' | 'times'> {
  const { restarts, times } = ledger;
  const deaths = newDeaths(config, ledger, observation);
  if (deaths.length === 0) return { restarts, times };
  const isReplaced = ({ observed: { name } }: NewDeath): boolean =>
    !isStopped(desired, name) && !isDone(desired, name);
  return {
    restarts: restartsAfter(config, restarts, deaths.filter(isReplaced), observation.now),
    times: timesAfter(config, times, deaths),
  };
}

/** Instances that the config no longer has, and counts older than a day, are forgotten. */
function restartsAfter(
  config: Config,
  before: Ledger['restarts'],
  deaths: readonly NewDeath[],
  now: Moment,
): Ledger['restarts'] {
  const known = new Set(config.workers.flatMap(instanceNames));
  const hour = Math.floor(now / hourMs);
  const after = new Map(
    Object.entries(before).filter(([name, counts]) => known.has(name) && isRecent(counts, hour)),
  );
  for (const { observed, dead, assessment } of deaths) {
    if (!known.has(observed.name)) continue;
    const isUnexpected = assessment.verdict === 'unexpected' && dead.death.kind !== 'rebooted';
    after.set(observed.name, withRestart(after.get(observed.name), hour, isUnexpected));
  }
  return mapOf(after);
}

/** A clock that was set back makes counts of the future: they are dropped. */
const isRecent = (counts: RestartCounts, hour: number): boolean =>
  counts.hour <= hour && counts.hour > hour - hoursKept;

function withRestart(
  before: RestartCounts | undefined,
  hour: number,
  isUnexpected: boolean,
): RestartCounts {
  const moved = (counts: readonly number[] = []): number[] => {
    const passed = before === undefined ? 0 : hour - before.hour;
    return [...Array<number>(passed).fill(0), ...counts].slice(0, hoursKept);
  };
  const more = ([latest = 0, ...others]: readonly number[], by: number): number[] =>
    trimmed([latest + by, ...others]);
  return {
    hour,
    restarts: more(moved(before?.restarts), 1),
    unexpected: more(moved(before?.unexpected), Number(isUnexpected)),
  };
}

const trimmed = (counts: readonly number[]): number[] =>
  counts.slice(0, counts.findLastIndex((count) => count !== 0) + 1);

const noRestarts: Restarts = { all: 0, unexpected: 0 };

/** How often an instance was restarted in the day before `now`. */
export function restartsOf({ restarts }: Ledger, instance: string, now: Moment): Restarts {
  const counts = lookup(restarts, instance);
  const hour = Math.floor(now / hourMs);
  if (counts === undefined || !isRecent(counts, hour)) return noRestarts;
  const left = hoursKept - (hour - counts.hour);
  const sum = (values: readonly number[]): number =>
    values.slice(0, left).reduce((total, count) => total + count, 0);
  return { all: sum(counts.restarts), unexpected: sum(counts.unexpected) };
}

/** How many instances were restarted in each of the last 24 hours, the oldest first. */
export function restartsByHour({ restarts }: Pick<Ledger, 'restarts'>, now: Moment): Restarts[] {
  const hour = Math.floor(now / hourMs);
  const recent = Object.values(restarts).filter((counts) => isRecent(counts, hour));
  const at = (counts: RestartCounts, ago: number, of: 'restarts' | 'unexpected'): number =>
    counts[of][ago - (hour - counts.hour)] ?? 0;
  const sum = (ago: number, of: 'restarts' | 'unexpected'): number =>
    recent.reduce((total, counts) => total + at(counts, ago, of), 0);
  return Array.from({ length: hoursKept }, (_, index) => {
    const ago = hoursKept - 1 - index;
    return { all: sum(ago, 'restarts'), unexpected: sum(ago, 'unexpected') };
  });
}

/** The drains that ended as they were asked to: one that was cut short says nothing about the next. */
function timesAfter(
  config: Config,
  before: Ledger['times'],
  deaths: readonly NewDeath[],
): Ledger['times'] {
  const workers = new Set(config.workers.map(({ name }) => name));
  const after = new Map(Object.entries(before).filter(([worker]) => workers.has(worker)));
  for (const { observed, dead, assessment } of deaths) {
    const worker = workerNameOf(observed.name);
    const { death, diedAt, stop, killing } = dead;
    if (!workers.has(worker) || killing !== undefined || assessment.verdict === 'unexpected')
      continue;
    if (diedAt === undefined || stop?.sent !== true) continue;
    const { drains, jobs } = after.get(worker) ?? { drains: [], jobs: [] };
    const { at, jobSince } = stop;
    const isJobDone = jobSince !== undefined && death.kind === 'exited';
    after.set(worker, {
      drains: latest(drains, elapsed(at, diedAt)),
      jobs: isJobDone ? latest(jobs, elapsed(jobSince, diedAt)) : jobs,
    });
  }
  return mapOf(after);
}

const latest = (times: readonly Duration[], time: Duration): Duration[] =>
  [durationOf(Math.round(time / 100) * 100), ...times].slice(0, keptTimes);

/** Fewer times say nothing about what is usual. */
const fewestTimes = 3;

/** What a drain of this worker, or a job that is in progress at one, usually takes: the median of the latest. Undefined: too few are known. */
export function usualTime(
  { times }: Ledger,
  worker: string,
  kind: keyof DrainTimes,
): Duration | undefined {
  const known = lookup(times, worker)?.[kind] ?? [];
  if (known.length < fewestTimes) return undefined;
  return known.toSorted((one, other) => one - other)[Math.floor(known.length / 2)];
}
