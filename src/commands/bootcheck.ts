import { join } from 'node:path';
import { silent, type Context } from '../engine/session.ts';
import { unasked } from '../engine/observe/unasked.ts';
import { passLockPath, planPass, runPass } from '../engine/pass/pass.ts';
import { isSameState } from '../engine/pass/state.ts';
import type { Settled } from '../engine/wait/settle.ts';
import { durationOf } from '../core/basics/time.ts';
import type { PassOutcome } from '../core/model/decision.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import type { Event } from '../core/events/event.ts';
import type { ActOutcome } from '../core/events/outcome.ts';
import { selectInstances, workerNameOf } from '../core/model/targets.ts';
import { longHolder, noWait, refuseIfLocked } from '../host/lock/pass-lock.ts';
import { monotonicMs, now, sleep } from '../host/process/clock.ts';
import { readProcess } from '../host/process/process-table.ts';
import { stateFilesIn } from '../host/state/record-cache.ts';
import { withoutRotations, type Rotation } from '../core/model/plan.ts';
import { acted, plannedBy, recording, type PlanOutcome } from '../engine/command.ts';
import { defineCommand, type GlobalOptions } from '../cli/command.ts';
import { dryRun, expecting, flag, value } from '../cli/options.ts';
import { print, printRecorder, terminalSize } from '../cli/print.ts';
import { runActing } from '../cli/run-acting.ts';
import { exitCodes } from '../core/basics/exit-codes.ts';
import { isShown } from '../output/event-line.ts';

/** node_exporter reads no file with another name. */
const metricsFile = expecting('a file whose name ends in .prom', (path) =>
  path.endsWith('.prom') ? path : undefined,
);

/** `workerctl bootcheck`. */
export const command = defineCommand({
  summary: 'Start what should be running and is not. Run it from cron, every minute and at boot.',
  operands: '',
  description: `
It also completes interrupted restarts, enforces configured limits, recycles processes and rotates
logs. It never waits for a job, does not continue an aborted restart, and prints nothing if there is
nothing to do. After a boot, or if more than 20 instances are missing, it starts a few at a time
(start.parallel) and stays for that, at most 50 s.`,
  options: {
    metrics: {
      ...value('FILE.prom', 'also write metrics for node_exporter', metricsFile),
      isPath: true,
    },
    verbose: flag('say so if there was nothing to do, or another command is at work', 'v'),
    dryRun,
  },
  isOperation: 'always',
  examples: [['* * * * *  workerctl bootcheck --config /srv/app/current/workerctl.yaml']],
  exitCodes: {
    done: '',
    failed: 'an instance could not be started',
    locked: 'another command is already at work',
  },
  run: async ({ metrics, verbose, dryRun: isDryRun, global }) => {
    const events: Event[] = [];
    let stateDir: string | undefined;
    const act = async (context: Context, options: { dryRun: boolean }) => {
      ({ stateDir } = context.config);
      const outcome = await bootcheck(context, options);
      if (outcome.kind === 'acted') events.push(...outcome.events);
      return outcome;
    };
    const running = runActing('bootcheck', act, { dryRun: isDryRun }, global);
    if (isDryRun) return running;
    const mayBeQuiet = !verbose && !global.json && terminalSize() === undefined;
    const code = await running.catch(async (error: unknown) => {
      if (mayBeQuiet && stateDir !== undefined && (await isUsual(error, stateDir)))
        return undefined;
      throw error;
    });
    if (code === undefined) return exitCodes.locked.code;
    if (metrics !== undefined) await writeMetrics(global, metrics, events, code);
    const isText = !global.json || printRecorder() !== undefined;
    if (verbose && isText && !events.some(isShown)) print('nothing to do\n');
    return code;
  },
});

/** Another command is at work, which is no news to the reader of cron's mail: a new one, or one that was reported before. */
async function isUsual(error: unknown, stateDir: string): Promise<boolean> {
  if (!(error instanceof WorkerctlError) || error.code !== 'locked') return false;
  const holder = longHolder(passLockPath(stateDir));
  if (holder === undefined) return true;
  const { noteOnce } = await import('../host/logs/note-once.ts');
  return !noteOnce(join(stateDir, 'lock.told'), holder);
}

/** Counters continue from the file: it is all the memory that bootcheck has for them. */
async function writeMetrics(
  global: GlobalOptions,
  path: string,
  events: readonly Event[],
  code: number,
): Promise<void> {
  const [
    { countEvents, factsToCarryOn },
    { longBound, textOrEmpty },
    { writeMetricsFile },
    { metricsFor },
  ] = await Promise.all([
    import('../output/metrics/facts.ts'),
    import('../host/files/bounded-read.ts'),
    import('../host/install/system-file.ts'),
    import('./status.ts'),
  ]);
  const before = factsToCarryOn(textOrEmpty(path, longBound));
  const text = await metricsFor(global, {
    ...before,
    events: countEvents(before.events, events),
    ...(code === exitCodes.done.code && { bootcheckAt: now() }),
  });
  writeMetricsFile(path, text);
}

/**
 * One pass over all workers: starts missing instances, continues a restart whose command has ended, repairs files. It does
 * not wait, not even for another pass, except for its turns if many instances are to be started. It looks first: if there is nothing to do, it takes no lock.
 * @throws WorkerctlError `locked` if another pass is at work
 */
export async function bootcheck(
  asked: Context,
  options: { dryRun: boolean },
): Promise<ActOutcome | PlanOutcome> {
  const begun = monotonicMs();
  const context = await unasked(asked);
  const { config } = context;
  const measuring = { ...context, measuresLogs: 'limited' as const };
  const instances = selectInstances(config, stateFilesIn(config.stateDir).instances, []);
  const request = { goal: { kind: 'check' }, instances, mayHaveStrays: true } as const;
  if (options.dryRun) return plannedBy(await planPass(measuring, request));
  const { recorded, events } = recording(context);
  refuseIfLocked(passLockPath(config.stateDir));
  const { isAllWell, rotations, outcome } = await lookTwice(measuring, request);
  let latest = outcome;
  if (!isAllWell) {
    latest = await runPass(recorded, { ...request, lockWait: noWait });
    await replaceKilled(recorded, request, events);
    if (recorded.quietCommands.wereAny()) {
      const { askQuieted } = await import('../engine/wait/after-quiet.ts');
      await askQuieted(recorded, instances);
    }
  }
  if (rotations.length > 0) {
    const { rotateLogs } = await import('../engine/watch/rotate-logs.ts');
    await rotateLogs(recorded, rotations);
  }
  const end = latest.ledger.startsInTurn === true ? await stay(recorded, latest, begun) : notWaited;
  context.hooks.kick(context);
  context.silence.save();
  context.memory.save();
  return acted('bootcheck', events, end);
}

const notWaited = { kind: 'not_waited' } as const;

/** Counted from its beginning. Cron's next bootcheck begins after a minute. */
const longestStayMs = 50_000;

/** Starts the instances that wait for their turn. It is no failure if some still wait: the next bootcheck starts them. */
async function stay(
  context: Context,
  outcome: PassOutcome,
  begun: number,
): Promise<Settled | typeof notWaited> {
  const { startInTurn } = await import('../engine/wait/start-in-turn.ts');
  const limit = durationOf(Math.max(0, begun + longestStayMs - monotonicMs()));
  const settled = await startInTurn(context, outcome, limit);
  return settled.kind === 'interrupted' ? settled : notWaited;
}

/** A killed process is gone in milliseconds, unless it is stuck in the kernel. */
const killLimitMs = 2_000;

/** Replaces what this run has killed in the same run: unlike a drain, that cannot take long. */
async function replaceKilled(
  context: Context,
  request: Parameters<typeof planPass>[1],
  events: readonly Event[],
): Promise<void> {
  const killed = events.flatMap((event) => (event.kind === 'killed' ? [event.pid] : []));
  if (killed.length === 0) return;
  const deadline = monotonicMs() + killLimitMs;
  while (killed.some((pid) => readProcess(pid) !== undefined)) {
    if (monotonicMs() > deadline) return;
    await sleep(5);
  }
  try {
    await runPass(context, { ...request, lockWait: noWait });
  } catch (error) {
    // The pass that holds the lock starts the replacement.
    if (!(error instanceof WorkerctlError) || error.code !== 'locked') throw error;
  }
}

/** The longest wait for a sign of life. */
const secondLookMs = 5_000;

/**
 * Looks a second time before a process is killed for its silence: all processes of a container that was frozen
 * (docker pause) have been silent, and a healthy worker beats within a quarter of its timeout.
 */
async function lookTwice(
  context: Context,
  request: Parameters<typeof planPass>[1],
): ReturnType<typeof look> {
  const seen = await look(context, request);
  if (seen.silent.length === 0) return seen;
  const quarters = context.config.workers.map(({ name, heartbeat }) =>
    seen.silent.includes(name) ? (heartbeat?.timeout ?? 0) / 4 : 0,
  );
  await sleep(Math.min(secondLookMs, Math.max(...quarters)), context.signal);
  return look(context, request);
}

/**
 * Whether a pass would do nothing, not even remove a finished restart; the log rotations that are due; and the workers
 * with silent processes. Reports nothing.
 */
async function look(
  context: Context,
  request: Parameters<typeof planPass>[1],
): Promise<{
  isAllWell: boolean;
  rotations: readonly Rotation[];
  silent: readonly string[];
  outcome: PassOutcome;
}> {
  const outcome = await planPass(silent(context), request);
  const { plan: all, desired, ledger, before } = outcome;
  const { plan, rotations } = withoutRotations(all);
  const isAllWell = plan.length === 0 && isSameState({ desired, ledger }, before);
  const silentWorkers = plan.flatMap((action) =>
    action.kind === 'dump' || (action.kind === 'kill' && action.isWatchdog === true)
      ? [workerNameOf(action.instance)]
      : [],
  );
  return { isAllWell, rotations, silent: silentWorkers, outcome };
}
