import { randomBytes } from 'node:crypto';
import { leaveFinisher } from '../engine/finisher/leave.ts';
import { configKeyOf } from '../engine/wait/follow-config.ts';
import { askQuieted } from '../engine/wait/after-quiet.ts';
import { bringUp } from '../engine/wait/bring-up.ts';
import { reportLeftAlone } from '../engine/wait/carry-on.ts';
import type { Settled } from '../engine/wait/settle.ts';
import type { Context } from '../engine/session.ts';
import { observeReported } from '../engine/observe/observe.ts';
import { killNow, planPass, runPass } from '../engine/pass/pass.ts';
import { type PassOutcome } from '../core/model/decision.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import { formatNames } from '../core/basics/names.ts';
import { isDone, isHeld, isStopped, type RolloutOptions } from '../core/model/desired.ts';
import type { ActOutcome } from '../core/events/outcome.ts';
import { estimatesOf } from '../core/rules/restart-estimate.ts';
import { membersOf } from '../core/rules/rollout-members.ts';
import { snapshotOf } from '../core/rules/snapshot.ts';
import { formatReleases } from '../core/views/rollout-status.ts';
import { nameAll, selectInstances, workerNameOf } from '../core/model/targets.ts';
import type { Config } from '../core/model/config.ts';
import { readDesired } from '../host/state/desired-file.ts';
import { checkStateDirectory } from '../host/state/state-directory.ts';
import { recordedInstances } from '../host/state/paths.ts';
import {
  acted,
  failedAmong,
  launchingAmong,
  limitOf,
  lockWait,
  plannedBy,
  predecessors,
  recording,
  type ActOptions,
  type PlanOutcome,
} from '../engine/command.ts';
import { configuredInstances } from '../cli/targets.ts';
import { defineCommand } from '../cli/command.ts';
import {
  dryRun,
  killLimit,
  limits,
  toggle,
  flag,
  value,
  wait,
  type Values,
} from '../cli/options.ts';
import { runActing } from '../cli/run-acting.ts';
import { batch } from './restart/batch.ts';
import { chooseTargets, releasesIn, releasesReached } from './restart/releases.ts';

const options = {
  wait: wait(
    'return after this long with exit code 124 (default: no limit)',
    'return at once; a background process starts the replacements',
  ),
  batch: value('N|N%', 'how many instances of each worker may be down at the same time', batch),
  canary: toggle({ noHelp: 'do not wait for a first replacement' }),
  overlap: toggle({ help: 'start each replacement before its predecessor has exited' }),
  outdated: flag('skip instances that already run the current release'),
  ...limits,
  graceful: toggle({ help: 'accepted for clarity: a restart is always graceful' }),
  dryRun,
};

/** `workerctl restart`. */
export const command = defineCommand({
  summary: 'Replace instances with ones that run the current code. Each finishes its job first.',
  operands: '[TARGET...]',
  description: `
No instance is asked to stop if a replacement could not be started: programs, env files, logs and
limits are checked first. One replacement of each worker must become ready before others are asked. If
it fails, the restart is aborted and the others keep running the old code. Instances that are stopped on
purpose or on hold are skipped, and without targets those that are done (on_exit).`,
  options,
  isOperation: 'always',
  examples: [
    ['workerctl restart', 'wait for the longest job'],
    ['workerctl restart --wait 10m mail', 'stop waiting after ten minutes; the restart continues'],
  ],
  exitCodes: {
    done: 'replaced and ready',
    failed: 'a replacement failed or could not be started, or all instances are stopped on purpose',
    ended: 'another command has ended the restart, or a later one has taken it over',
    locked: '',
    timedOut: '',
    interrupted: '',
  },
  afterExitCodes:
    'After 124 or 130 a background process finishes the restart; if restart.finisher is false, the next bootcheck.',
  run: ({ global, ...given }) => {
    if (given.graceful === false)
      throw new WorkerctlError('usage', 'a restart is always graceful; found --no-graceful', {
        hint: 'set a limit with --kill-after or --now',
      });
    return runActing('restart', restart, { ...given, rollout: rolloutOptions(given) }, global);
  },
});

/** How this restart proceeds according to the command line; the config decides the rest. */
function rolloutOptions(
  given: Pick<Values<typeof options>, 'batch' | 'canary' | 'overlap' | 'killAfter' | 'now'>,
): RolloutOptions {
  const { canary, batch: most, overlap } = given;
  return {
    ...(canary !== undefined && { canary }),
    ...(most !== undefined && { batch: most }),
    ...(overlap !== undefined && { overlap }),
    ...killLimit(given),
  };
}

export interface RestartOptions extends ActOptions {
  readonly rollout: RolloutOptions;
  /** Only instances that do not run the release that a start would give them. */
  readonly outdated: boolean;
}

/**
 * Replaces each instance as soon as it has finished its job: first one that proves the new code, then the others. Instances
 * that are stopped on purpose or held stay as they are, missing ones are started, and surplus ones are asked to stop.
 */
export async function restart(
  context: Context,
  options: RestartOptions,
): Promise<ActOutcome | PlanOutcome> {
  const { config } = context;
  const configKey = configKeyOf(config.path);
  checkStateDirectory(config.stateDir);
  const { recorded, events } = recording(context);
  const named = configuredInstances(context, options.targets);
  if (options.rollout.overlap === true) refuseOverlap(config, named);
  const before = await observeReported(context, named);
  const { wanted, releases } = await chooseTargets(recorded, named, before, options);
  const selected = selectInstances(config, recordedInstances(config.stateDir), options.targets);
  const instances = options.outdated ? selected.filter((name) => wanted.includes(name)) : selected;
  const goal = {
    kind: 'restart',
    id: randomBytes(8).toString('hex'),
    by: context.by,
    instances: wanted,
    options: options.rollout,
    releases,
    sparesDone: nameAll(options.targets),
  } as const;
  const request = { goal, instances, mayHaveStrays: true } as const;
  if (options.dryRun) return planned(goal.id, wanted, await planPass(context, request), config);
  const begunAt = before.now;
  const outcomeFor = (
    count: number,
    settled: Settled | { readonly kind: 'not_waited' },
  ): ActOutcome => {
    const reached = releasesReached(goal.releases, events);
    return {
      ...acted('restart', events, settled),
      change: formatReleases(reached),
      restart: { count, begunAt, releases: releasesIn(reached) },
    };
  };
  if (wanted.length === 0) {
    await noteEnds(recorded, named);
    return outcomeFor(0, { kind: 'done' });
  }

  const outcome = await runPass(recorded, { ...request, lockWait });
  const { observation } = outcome;
  const snapshot = snapshotOf(config, outcome, observation);
  reportLeftAlone(
    recorded,
    snapshot,
    wanted.filter((name) => isLeftAlone(outcome, name)),
  );
  const members = wanted.filter((name) => !isLeftAlone(outcome, name));
  if (members.length === 0 && events.some(({ kind }) => kind === 'skipped_stopped'))
    return { ...outcomeFor(0, { kind: 'done' }), end: 'refused' };
  const ended = async (settled: Settled | { readonly kind: 'not_waited' }): Promise<ActOutcome> => {
    const continues = await leaveFinisher(recorded, goal.id);
    if (continues === 'bootcheck') await askQuieted(recorded, instances);
    return { ...outcomeFor(members.length, settled), ...(continues && { continues }) };
  };
  if (options.wait === 'not' && options.rollout.killAfter === 0) await killNow(recorded, instances);
  if (options.wait === 'not') return ended({ kind: 'not_waited' });
  const settled = await bringUp(recorded, {
    command: 'restart',
    instances: members,
    predecessors: predecessors(outcome, true),
    failed: failedAmong(events),
    launching: launchingAmong(events),
    limit: limitOf(options.wait),
    rolloutId: goal.id,
    configKey,
    isAborted: events.some(({ kind }) => kind === 'rollout_aborted'),
  });
  // A worker that was rolled back is started at once, where it ran before.
  if (settled.kind === 'aborted' && events.some(({ kind }) => kind === 'rollout_pinned'))
    await noteEnds(recorded, members);
  // Of several workers, the others are still to be replaced if the config has lost one.
  const isOver = !['timed_out', 'interrupted', 'unconfigured'].includes(settled.kind);
  if (!isOver) return ended(settled);
  // An old process beside its replacement may be idle by now.
  await askQuieted(recorded, members);
  return outcomeFor(members.length, settled);
}

/** A restart that was aborted may be over, now that its old release is the current one again. */
async function noteEnds(context: Context, instances: readonly string[]): Promise<void> {
  const { rollouts } = readDesired(context.config.stateDir);
  if (rollouts.every(({ aborted }) => aborted === undefined)) return;
  await runPass(context, { goal: { kind: 'check' }, instances, mayHaveStrays: true, lockWait });
}

/** The log lines of the old process would make the new one ready, and two daemons would fight for one pidfile. */
function refuseOverlap({ workers }: Config, names: readonly string[]): void {
  const touched = new Set(names.map(workerNameOf));
  for (const { name, ready, daemonizes } of workers) {
    if (!touched.has(name)) continue;
    if (daemonizes !== undefined)
      throw new WorkerctlError(
        'usage',
        `--overlap: ${name} has daemonizes, so both processes would use the same pidfile`,
        { hint: 'restart it without --overlap' },
      );
    if (ready.kind === 'log')
      throw new WorkerctlError(
        'usage',
        `--overlap: ${name} has ready.log, and both processes write to the same log`,
        { hint: 'use ready.file, ready.command, ready.notify or ready.after' },
      );
  }
}

const isLeftAlone = ({ desired, observation }: PassOutcome, name: string): boolean =>
  isStopped(desired, name) || isHeld(desired, name, observation.now) || isDone(desired, name);

/** What would be done now, and which instances would be next. */
function planned(
  id: string,
  wanted: readonly string[],
  outcome: PassOutcome,
  config: Config,
): PlanOutcome {
  const { desired, observation, plan } = outcome;
  const rollout = desired.rollouts.find((one) => one.id === id);
  const now = new Set(plan.map(({ instance }) => instance));
  const goesOn = rollout !== undefined && rollout.aborted === undefined;
  const snapshot = snapshotOf(config, outcome, observation);
  const members = goesOn ? [...membersOf(rollout, snapshot)] : [];
  const awaited = members.flatMap(([name, { kind }]) =>
    kind === 'pending' || kind === 'draining' ? [name] : [],
  );
  const later = members.flatMap(([name, { kind }]) =>
    kind === 'pending' && !now.has(name) ? [name] : [],
  );
  const estimates = goesOn ? estimatesOf(rollout, awaited, snapshot) : [];
  const byPlan = plannedBy(outcome);
  const stopped = wanted.filter((name) => isStopped(desired, name));
  const isRefused = stopped.length > 0 && wanted.every((name) => isLeftAlone(outcome, name));
  const refusal = `nothing would be restarted: ${formatNames(stopped)} ${stopped.length === 1 ? 'is' : 'are'} stopped on purpose (workerctl start)`;
  const problems = [...(byPlan.problems ?? []), ...(isRefused ? [refusal] : [])];
  return { ...byPlan, later, estimates, problems };
}
