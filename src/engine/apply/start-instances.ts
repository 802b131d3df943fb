import { WorkerctlError } from '../../core/basics/error.ts';
import { launchOf, pathsOf, type Launch } from '../../core/model/launch.ts';
import type { ActionOf } from '../../core/model/action.ts';
import type { ProcessRecord } from '../../core/model/record.ts';
import type { Event } from '../../core/events/event.ts';
import { monotonicMs, now, sleep } from '../../host/process/clock.ts';
import { clearPidfile } from '../../host/worker/claimed-pidfile.ts';
import { faultPoint } from '../../host/files/fault-point.ts';
import { readOnlyRemedy } from '../../host/files/write-problem.ts';
import { lockBackend } from '../../host/lock/choose-backend.ts';
import { tryLocks } from '../../host/lock/lock-helper.ts';
import type { HeldLock } from '../../host/lock/lock-file.ts';
import { hasDescriptors } from '../../host/process/need-descriptors.ts';
import { findProcess } from '../../host/process/process-table.ts';
import type { Place } from '../../host/worker/place.ts';
import { mountProblem } from '../../host/process/mount-problem.ts';
import { nobodyListens, notifyEnvironment } from '../../host/sockets/notify-path.ts';
import { shimProblem } from '../../host/worker/shim-problem.ts';
import { shimActivity } from '../../host/process/strays.ts';
import { lockHolder } from '../../host/lock/pass-lock.ts';
import {
  prepareShim,
  type PreparedShim,
  type StartedShim,
  type StartSite,
} from '../../host/worker/start-worker.ts';
import { startPrograms } from '../../host/worker/starter.ts';
import { readRecord } from '../../host/state/records.ts';
import { ensureStagingDirectory, lockPath, presentIn } from '../../host/state/paths.ts';
import { expectStart, type ExpectedStart } from '../hooks/note.ts';
import { report, workerOf, type Context } from '../session.ts';
import { scopeOrder } from './leave-session.ts';
import type { Run } from './run.ts';

type Start = ActionOf<'start'>;

/** How long the shim of a dead process may hold its lock: it has to write its report. */
const lingerMs = 2_000;

/** How long a shim may take until its worker has published its record. Some milliseconds is usual. */
const publishMs = 10_000;

/** How many of its last log lines are shown of a worker that could not be started. */
export const shownLogLines = 10;

/** Starts instances, each only with its lock in hand, and waits until each has published its record. */
export async function startInstances(
  { context, next }: Pick<Run, 'context' | 'next'>,
  starts: readonly Start[],
): Promise<void> {
  if (starts.length === 0) return;
  const [notify, locks] = await Promise.all([
    notifyEnvironment(context.config.stateDir),
    takeInstanceLocks(context, starts),
  ]);
  faultPoint();
  const launched: Launched[] = [];
  const size = hasDescriptors(mostAtOnce * 5) ? mostAtOnce : 1;
  try {
    for (let first = 0; first < starts.length; first += size)
      launched.push(...(await launch(starts.slice(first, first + size))));
    const deadline = monotonicMs() + publishMs; // for all: they were started at the same time
    for (const one of launched) await published(context, one, deadline);
  } finally {
    for (const { forget } of launched) forget();
  }

  /** Starts the shims of these, which have their own hold on their locks from then on. */
  async function launch(some: readonly Start[]): Promise<Launched[]> {
    const prepared: Prepared[] = [];
    const { stateDir } = context.config;
    const present = some.length < manyListed ? undefined : presentIn(stateDir);
    try {
      for (const action of some) {
        const lock = locks.get(action.instance);
        const launching = await launchingOf(context, action, next);
        if (isUp(context, action)) void lock?.release();
        else if (lock === undefined) failed(context, launching.launch, heldWords(context, action));
        else {
          const made = prepare(context, launching, { lock, notify, ...(present && { present }) });
          if (made.length === 0) void lock.release();
          prepared.push(...made);
        }
      }
      return started(prepared);
    } finally {
      for (const { shim, lock } of prepared) {
        shim.close();
        void lock.release();
      }
    }
  }
}

/** From this many starts on, what is left of their predecessors is looked up in one listing of the state directory. */
const manyListed = 10;

/** How many are started together, where there are enough file descriptors: each has up to four files open until then. */
const mostAtOnce = 20;

/** A start whose command was killed may come up while we wait for its lock. */
function isUp({ config }: Context, { instance }: Start): boolean {
  const record = readRecord(config.stateDir, instance);
  return record.kind === 'read' && findProcess(record.value) !== undefined;
}

/** What holds the lock of an instance that has no process. */
function heldWords({ config: { stateDir } }: Context, { instance }: Start): string {
  const record = readRecord(stateDir, instance);
  const { shimPid, runId } = record.kind === 'read' ? record.value : {};
  if (shimPid !== undefined && shimActivity(shimPid, runId ?? '') === 'frozen')
    return `its shim, pid ${shimPid}, is stopped (SIGSTOP) and holds its lock; kill -CONT ${shimPid} continues it`;
  return `${lockHolder(lockPath(stateDir, instance))} holds its lock`;
}

/** What could not be started is reported, and yields nothing. */
function failed(context: Context, { instance }: Launch, reason: string): [] {
  report(context, instance, { kind: 'start_failed', problem: withRemedy(reason), log: [] });
  return [];
}

/** The kernel and the shell have two spellings. */
const withRemedy = (reason: string): string =>
  /\bEROFS\b|Read-only file system/.test(reason) ? `${reason}; ${readOnlyRemedy}` : reason;

/** A start as it is about to be made. */
interface Launching {
  readonly action: Start;
  readonly launch: Launch;
  readonly place: Place | WorkerctlError;
  readonly commandDigest: string;
}

async function launchingOf(
  { config, hostName }: Context,
  action: Start,
  next: Run['next'],
): Promise<Launching> {
  const worker = workerOf(config, action.instance);
  const { place, release, commandDigest } = await next(worker, action.instance);
  const launch = launchOf(worker, action.instance, config.stateDir, hostName, release);
  const problem = await mountProblem(() => pathsOf(launch));
  const usable = problem === undefined ? place : new WorkerctlError('failed', problem);
  return { action, launch, place: usable, commandDigest };
}

interface Prepared extends Launching {
  readonly shim: PreparedShim;
  readonly lock: HeldLock;
  readonly expected: ExpectedStart | undefined;
}

interface Launched extends Launching {
  readonly shim: StartedShim;
  readonly expected: ExpectedStart | undefined;
  readonly forget: () => void;
}

/** What cannot be started is reported, and yields nothing. */
function prepare(
  context: Context,
  launching: Launching,
  given: Pick<StartSite, 'notify' | 'present'> & { readonly lock: HeldLock },
): Prepared[] {
  const { stateDir, path: config } = context.config;
  const { action, launch, place, commandDigest } = launching;
  let expected: ExpectedStart | undefined;
  try {
    if (place instanceof WorkerctlError) throw place;
    ensureStagingDirectory(stateDir);
    const worker = workerOf(context.config, action.instance);
    const { ready } = worker;
    if (launch.daemonizes !== undefined) {
      const obstacle = clearPidfile(launch, stateDir);
      if (obstacle?.kind === 'runs') return []; // the next look sees it
      if (obstacle !== undefined) return failed(context, launch, obstacleWords(launch, obstacle));
    }
    if (ready.kind === 'notify' && given.notify?.['NOTIFY_SOCKET'] === undefined)
      return failed(context, launch, nobodyListens);
    expected = expectStart(context, launch.instance, action.cause);
    const order = scopeOrder({ workers: [worker] });
    const site = { place, commandDigest, stateDir, config, order, ...given };
    return [{ ...launching, shim: prepareShim(launch, site), lock: given.lock, expected }];
  } catch (error) {
    expected?.dropped();
    if (!(error instanceof WorkerctlError)) throw error;
    return failed(context, launch, error.message);
  }
}

function started(prepared: readonly Prepared[]): Launched[] {
  const { programs, forget } = startPrograms(prepared.map(({ shim: { program } }) => program));
  return prepared.flatMap(({ shim: { instance, runId }, ...rest }, index): Launched[] => {
    faultPoint();
    const program = programs[index];
    return program === undefined
      ? []
      : [{ ...rest, shim: { instance, runId, ...program }, forget }];
  });
}

const obstacleWords = (
  { pidfile, instance }: Launch,
  { pid, title }: { readonly pid: number; readonly title: string },
): string =>
  `${pidfile} names pid ${pid} (${title.slice(0, 60)}), which may or may not be ${instance}: if it is, run workerctl adopt ${instance} ${pid}; otherwise remove that file`;

/** The locks that are free, or that a shim about to exit frees in a moment. */
async function takeInstanceLocks(
  context: Context,
  starts: readonly Start[],
): Promise<Map<string, HeldLock>> {
  const taken = new Map<string, HeldLock>();
  if (!lockBackend().isKernelLock) {
    for (const { instance } of starts) taken.set(instance, noKernelLock());
    return taken;
  }
  const deadline = monotonicMs() + lingerMs;
  let left = [...starts];
  for (;;) {
    const paths = left.map(({ instance }) => lockPath(context.config.stateDir, instance));
    const locks = await tryLocks(context.lockHelper, paths);
    left.forEach(({ instance }, index) => {
      const lock = locks[index];
      if (lock !== undefined) taken.set(instance, lock);
    });
    left = left.filter((action) => !taken.has(action.instance) && !isUp(context, action));
    if (left.length === 0 || monotonicMs() > deadline) return taken;
    await sleep(2);
  }
}

/** Without kernel locks nothing can be handed to the shim: the pass lock and the identity checks must do. */
const noKernelLock = (): HeldLock => ({
  fd: undefined,
  compromised: new AbortController().signal,
  release: () => Promise.resolve(),
});

async function published(
  context: Context,
  { action, launch, shim, expected }: Launched,
  deadline: number,
): Promise<void> {
  const record = await publishedRecord(context, shim, deadline);
  const { instance, cause } = action;
  if (record !== undefined) {
    faultPoint();
    const kind = launch.daemonizes === undefined ? 'started' : 'launching';
    const event: Event = { kind, pid: record.pid, cause, at: now(), instance };
    expected?.made(event);
    context.report(event);
    return;
  }
  // Ctrl-C may have reached the shim before it had a session of its own: no failure, and the next pass starts it.
  if (context.signal.aborted) return;
  expected?.dropped();
  failed(context, launch, shimProblem(context.config.stateDir, shim));
}

/** The record that this start wrote. */
async function publishedRecord(
  { config }: Context,
  shim: StartedShim,
  deadline: number,
): Promise<ProcessRecord | undefined> {
  for (;;) {
    const hadEnded = shim.end() !== undefined;
    const record = readRecord(config.stateDir, shim.instance);
    if (record.kind === 'read' && record.value.runId === shim.runId) return record.value;
    if (hadEnded || monotonicMs() > deadline) return undefined;
    await sleep(2);
  }
}
