import type { Context } from '../engine/session.ts';
import { recycling } from '../engine/observe/with-recycling.ts';
import { passLockPath, planPass, runPass } from '../engine/pass/pass.ts';
import { isSameState } from '../engine/pass/state.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import type { Event } from '../core/events/event.ts';
import type { ActOutcome } from '../core/events/outcome.ts';
import { selectInstances, workerNameOf } from '../core/model/targets.ts';
import { noWait, refuseIfLocked } from '../host/lock/pass-lock.ts';
import { monotonicMs, sleep } from '../host/process/clock.ts';
import { readProcess } from '../host/process/process-table.ts';
import { recordedInstances } from '../host/state/paths.ts';
import { withoutRotations, type Rotation } from '../core/model/plan.ts';
import { acted, recording, type PlanOutcome } from '../engine/command.ts';

/**
 * One pass over all workers: starts what is missing, carries on a restart whose command has ended, repairs. It waits for
 * nobody, not even for another pass. It looks first: where there is nothing to do, no lock is needed to do nothing.
 * @throws WorkerctlError `locked` when another pass is at work
 */
export async function bootcheck(
  asked: Context,
  options: { dryRun: boolean },
): Promise<ActOutcome | PlanOutcome> {
  const context = await recycling(asked);
  const { config } = context;
  const measuring = { ...context, measuresLogs: true };
  const instances = selectInstances(config, recordedInstances(config.stateDir), []);
  const request = { goal: { kind: 'check' }, instances, mayHaveStrays: true } as const;
  if (options.dryRun) return { kind: 'planned', plan: (await planPass(measuring, request)).plan };
  const { recorded, events } = recording(context);
  refuseIfLocked(passLockPath(config.stateDir));
  const { isAllWell, rotations } = await lookTwice(measuring, request);
  if (!isAllWell) {
    await runPass(recorded, { ...request, lockWait: noWait });
    await replaceKilled(recorded, request, events);
  }
  if (rotations.length > 0) {
    const { rotateLogs } = await import('../engine/watch/rotate-logs.ts');
    await rotateLogs(recorded, rotations);
  }
  context.hooks.kick(context);
  context.silence.save();
  context.memory.save();
  return acted('bootcheck', events, { kind: 'not_waited' });
}

/** A killed process is gone in milliseconds, unless the kernel cannot let go of it. */
const killLimitMs = 2_000;

/** Whoever this run has killed gets his successor in the same run: that is no drain that could take long. */
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
    // Somebody else's pass sees to it then.
    if (!(error instanceof WorkerctlError) || error.code !== 'locked') throw error;
  }
}

/** The longest that a sign of life is waited for. */
const mercyMs = 5_000;

/**
 * Looks again before anybody is killed for his silence: a container that was frozen (docker pause) has been silent as a whole,
 * and who is well beats within a quarter of his timeout.
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
  await sleep(Math.min(mercyMs, Math.max(...quarters)), context.signal);
  return look(context, request);
}

/** Whether a pass would do nothing, not even forget a restart that is over; what comes beside it, and the workers whose processes are silent. Says nothing of what it sees. */
async function look(
  context: Context,
  request: Parameters<typeof planPass>[1],
): Promise<{ isAllWell: boolean; rotations: readonly Rotation[]; silent: readonly string[] }> {
  const {
    plan: all,
    desired,
    ledger,
    before,
    observation,
  } = await planPass({ ...context, report: () => undefined }, request);
  const hasProblems = [...observation.instances.values()].some(
    ({ problems }) => problems.length > 0,
  );
  const { plan, rotations } = withoutRotations(all);
  const isAllWell = plan.length === 0 && isSameState({ desired, ledger }, before) && !hasProblems;
  const silent = plan.flatMap((action) =>
    action.kind === 'dump' || (action.kind === 'kill' && action.isWatchdog === true)
      ? [workerNameOf(action.instance)]
      : [],
  );
  return { isAllWell, rotations, silent };
}
