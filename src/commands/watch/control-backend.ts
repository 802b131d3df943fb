import { workerOf, type Context } from '../../engine/session.ts';
import type { AdminBackend } from '../../core/protocols/admin-protocol.ts';
import type { JobCounts } from '../../core/views/job-counts.ts';
import { formatWatchEvent, type Event } from '../../core/events/event.ts';
import { instanceNames } from '../../core/model/instance.ts';
import { allObserved, liveProcess, type Observation } from '../../core/model/observation.ts';
import { selectInstances, workerNameOf } from '../../core/model/targets.ts';
import { formatTimeOfDay, durationOf } from '../../core/basics/time.ts';
import { refusedSignal } from '../../core/rules/refused-signals.ts';
import { withCounts } from '../../core/rules/scaling.ts';
import { quietSignals, type QuietSignal } from '../../core/model/config.ts';
import { monotonicMs } from '../../host/process/clock.ts';
import { observe } from '../../engine/observe/observe.ts';
import { unhandledSignal } from '../../engine/observe/unhandled-signal.ts';
import { claimsIn, refusalWords } from '../../engine/observe/witnesses.ts';
import { hearWitnesses } from '../../host/worker/witness.ts';
import { stateFilesIn } from '../../host/state/record-cache.ts';
import { readDesired, seenDesired } from '../../host/state/desired-file.ts';
import { writeMessage } from '../../host/state/messages.ts';
import { findProcess } from '../../host/process/process-table.ts';
import { sendSignal } from '../../host/process/signal.ts';
import { chosenTargets } from '../../cli/chosen-targets.ts';
import { countedWorker, want } from '../want.ts';

/** The facts that the control socket answers from, and how the watch reports them. */
export interface ControlBackend {
  /** Answers the commands of clients. */
  readonly admin: AdminBackend;
  /** Notes an event, and sends it to the clients that watch. */
  readonly note: (event: Event) => void;
  /** Notes what the watch has seen at its latest look. */
  readonly see: (observation: Observation) => void;
  /** How many events of each kind there were since the watch began. */
  readonly counts: () => Readonly<Partial<Record<Event['kind'], number>>>;
  /** What keeps the watch from its work, if anything does. */
  readonly problem: () => string | undefined;
}

/** How many of the latest events `!recent` shows. */
const recentEvents = 50;

/** The control backend of a watch, which `end` ends; it returns what that means for the workers. */
export function createControlBackend(
  current: () => Context,
  version: string,
  end: () => string,
): ControlBackend {
  const startedAt = monotonicMs();
  const recent: string[] = [];
  const listeners = new Set<(line: string) => void>();
  const counts: Partial<Record<Event['kind'], number>> = {};
  let seen: Observation | undefined;
  let passes = 0;
  let trouble: { readonly problem: string; readonly since: number } | undefined;
  return {
    note: (event) => {
      if (event.kind === 'watch_impaired')
        trouble = { problem: event.problem, since: trouble?.since ?? monotonicMs() };
      if (event.kind === 'watch_recovered') trouble = undefined;
      counts[event.kind] = (counts[event.kind] ?? 0) + 1;
      const line = `${formatTimeOfDay(event.at)} ${formatWatchEvent(event)}`;
      recent.push(line);
      if (recent.length > recentEvents) recent.shift();
      for (const listener of listeners) listener(line);
    },
    see: (observation) => {
      seen = observation;
      passes += 1;
    },
    counts: () => counts,
    problem: () => trouble?.problem,
    admin: {
      version,
      workers: () => current().config.workers.map(({ name }) => name),
      jobs: () => jobsOf(current(), seen ?? lookNow(current())),
      want: (worker, count) => wanted(current(), worker, count),
      stats: () => ({
        uptime: durationOf(monotonicMs() - startedAt),
        counters: { ...counts, passes },
      }),
      health: () =>
        trouble && {
          problem: trouble.problem,
          lasted: durationOf(monotonicMs() - trouble.since),
        },
      recent: () => recent,
      to: (target, text) =>
        Promise.resolve().then(() => deliver(current(), seen ?? lookNow(current()), target, text)),
      shutdown: end,
      subscribe: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
  };
}

/** For clients that ask before the watch has looked for the first time. */
function lookNow(context: Context): Observation {
  const { instances, retiring, notes } = stateFilesIn(context.config.stateDir);
  return observe({ ...context, notes, ignoresPidfiles: true }, instances, retiring);
}

/** Like `workerctl jobs`, it answers with the counts of the config if the others are unknown; `!health` says that. */
function jobsOf({ config }: Context, seen: Observation): JobCounts[] {
  const inForce = withCounts(config, seenDesired(config.stateDir).desired);
  const living = allObserved(seen).flatMap((observed) => {
    const process = liveProcess(observed);
    return process === undefined ? [] : [{ worker: workerNameOf(observed.name), pid: process.pid }];
  });
  const desired = new Map(
    inForce.workers.map((worker) => [worker.name, instanceNames(worker).length]),
  );
  const workers = new Set([...desired.keys(), ...living.map(({ worker }) => worker)]);
  return [...workers].map((worker) => ({
    worker,
    desired: desired.get(worker) ?? 0,
    pids: living.filter((one) => one.worker === worker).map(({ pid }) => pid),
  }));
}

async function wanted(context: Context, worker: string, count: number): Promise<number> {
  const most = countedWorker(context, worker).maxCount;
  const config = withCounts(context.config, readDesired(context.config.stateDir));
  await want({ ...context, config }, { worker, count, dryRun: false });
  return Math.min(count, most);
}

/**
 * The name of a signal is sent as that signal, if `workerctl signal` would send it too. Any other text is written to a file that
 * the worker may read.
 */
async function deliver(
  context: Context,
  seen: Observation,
  target: string,
  text: string,
): Promise<string> {
  const { config } = context;
  const names = selectInstances(config, [], await chosenTargets([target]));
  const signal = quietSignals.find((one) => text === one || text === `SIG${one}`);
  return names
    .map((name) =>
      signal === undefined
        ? `${name}: written to ${writeMessage(config.stateDir, name, text)}, which the worker has to read itself`
        : `${name}: ${signalled(context, seen, name, signal)}`,
    )
    .join('; ');
}

function signalled(
  context: Context,
  observation: Observation,
  name: string,
  signal: QuietSignal,
): string {
  const { config } = context;
  const refused = refusedSignal(workerOf(config, name), signal);
  if (refused !== undefined) return `${refused.problem}; ${refused.hint}`;
  const observed = observation.instances.get(name);
  const process = observed && liveProcess(observed);
  if (process === undefined || findProcess(process) === undefined) return 'not running';
  const ref = { instance: name };
  const desired = readDesired(config.stateDir);
  const testimony = hearWitnesses(claimsIn(context, { observation, desired })(ref, process));
  if (testimony.kind === 'foreign' || testimony.kind === 'unknown')
    return `pid ${process.pid} gets no signal: ${refusalWords(context, ref, process, testimony)}`;
  const unhandled = unhandledSignal(process.pid, name, signal);
  if (unhandled !== undefined) return `pid ${process.pid} gets no signal: ${unhandled}`;
  sendSignal(testimony.process, signal);
  return `${signal} was sent to pid ${process.pid}`;
}
