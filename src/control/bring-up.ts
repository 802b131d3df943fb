import type { Event } from '../core/event.ts';
import { isStopped } from '../core/intent.ts';
import type { Observation, ObservedInstance } from '../core/observation.ts';
import { formatDeath } from '../core/record.ts';
import { standingOf, type Standing } from '../core/standing.ts';
import { durationOf, type Duration } from '../core/time.ts';
import { lastLines } from '../os/log-tail.ts';
import { report, workerOf, type Context } from './context.ts';
import { runPass } from './pass.ts';
import { isLocked, settle, type Look, type Settled } from './settle.ts';
import { shownLogLines } from './start-instances.ts';
import { reportDeparture } from './wait-for-exit.ts';

/** Which instances are to come up, and what they come after. */
export interface BringUp {
  readonly instances: readonly string[];
  /** The `start` of each process that is to be replaced or was dead before: its end is no failure of the new one. */
  readonly predecessors: ReadonlyMap<string, string>;
  /** Those that have failed already. */
  readonly failed: ReadonlySet<string>;
  readonly limit: Duration | undefined;
}

/** A carry-on pass waits this long for another one; after that it just looks again. */
const lockWait = durationOf(1_000);

/**
 * Waits until each instance runs and is ready, and starts each the moment its place is free. Somebody else's pass may do
 * that first; a kill of this command leaves it to the next bootcheck.
 */
export async function bringUp(context: Context, request: BringUp): Promise<Settled> {
  const failed = new Set(request.failed);
  const watching = { ...context, report: noting(context, failed) };
  const departed = new Set<string>();
  return settle(watching, {
    instances: request.instances.filter((name) => !failed.has(name)),
    limit: request.limit,
    look: async (observation) => {
      const standings = standingsOf(context, observation, request.predecessors);
      const places = standings.filter(isFree).map(({ observed }) => observed);
      for (const { name } of places) {
        if (!departed.has(name)) reportDeparture(watching, name, observation);
        departed.add(name);
      }
      for (const { observed, standing } of standings) reportFailure(watching, observed, standing);
      const leftAlone = context.signal.aborted ? [] : await fill(watching, places);
      return lookResult(standings, failed, leftAlone);
    },
  });
}

interface Placed {
  readonly observed: ObservedInstance;
  readonly standing: Standing;
}

function standingsOf(
  { config }: Context,
  observation: Observation,
  predecessors: ReadonlyMap<string, string>,
): Placed[] {
  return [...observation.instances.values()].map((observed) => ({
    observed,
    standing: standingOf(
      observed,
      predecessors.get(observed.name),
      workerOf(config, observed.name).ready,
      observation,
    ),
  }));
}

const isFree = ({ standing: { kind } }: Placed): boolean => kind === 'down' || kind === 'not_asked';

function noting(context: Context, failed: Set<string>): (event: Event) => void {
  return (event) => {
    if (event.kind === 'start_failed' || event.kind === 'ask_failed') failed.add(event.instance);
    context.report(event);
  };
}

function reportFailure(context: Context, { name }: ObservedInstance, standing: Standing): void {
  if (standing.kind !== 'failed') return;
  const { record, death } = standing;
  report(context, name, {
    kind: 'start_failed',
    reason: `pid ${record.pid} died before it was ready: ${formatDeath(death)}`,
    logFile: record.log.path,
    log: lastLines(record.log.path, record.log.offset, shownLogLines),
  });
}

/**
 * Starts what is down.
 * @returns those that are not to be started after all: somebody has stopped them meanwhile
 */
async function fill(context: Context, places: readonly ObservedInstance[]): Promise<string[]> {
  if (places.length === 0) return [];
  const instances = places.map(({ name }) => name);
  try {
    const { intent } = await runPass(context, {
      goal: { kind: 'check' },
      instances,
      lockWait,
      mayHaveStrays: false,
    });
    const stopped = instances.filter((name) => isStopped(intent, name));
    for (const name of stopped)
      report(context, name, { kind: 'left_stopped', by: intent.stopped[name]?.by ?? '' });
    return stopped;
  } catch (error) {
    if (isLocked(error)) return [];
    throw error;
  }
}

function lookResult(
  standings: readonly Placed[],
  failed: ReadonlySet<string>,
  leftAlone: readonly string[],
): Look {
  const settled = standings
    .filter(({ observed, standing }) => standing.kind === 'ready' || failed.has(observed.name))
    .map(({ observed }) => observed.name);
  const moments = standings.flatMap(({ standing }) =>
    standing.kind === 'starting' ? [standing.readyIn] : [],
  );
  const done = [...settled, ...leftAlone];
  return moments.length === 0
    ? { settled: done }
    : { settled: done, again: durationOf(Math.min(...moments)) };
}
