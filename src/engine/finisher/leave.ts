import { continuing, type Continues } from '../../core/events/outcome.ts';
import { configWords, type Config } from '../../core/model/config.ts';
import { startDetached } from '../../host/process/start-detached.ts';
import { hasWatch } from '../../host/sockets/pull-trigger.ts';
import { leaveSession } from '../apply/leave-session.ts';
import type { Context } from '../session.ts';
import { finishedInstances, openRollout } from './open-rollout.ts';

/**
 * Who goes on with a restart whose command ends: a running `watch`; else a finisher, which is left behind here; else the
 * next bootcheck, which is there in any case. Undefined if the restart is over.
 */
export async function leaveFinisher(
  context: Context,
  rolloutId: string,
): Promise<Continues | undefined> {
  const { config } = context;
  const rollout = openRollout(config.stateDir, rolloutId);
  if (rollout === undefined) return undefined;
  if (hasWatch(config.stateDir)) return 'watch';
  if (finishedInstances(config, rollout).length === 0) return 'bootcheck';
  if (!(await leaveSession(context))) return 'bootcheck'; // it would end with the login
  const words = ['finisher', rolloutId, ...configWords(config)];
  const started = startDetached(words, environmentFor(config, process.env));
  return started === undefined ? 'bootcheck' : 'finisher';
}

/** The same for several rollouts; if they differ, the one that may come last. */
export async function leaveFinishers(
  context: Context,
  rolloutIds: readonly string[],
): Promise<Continues | undefined> {
  const found = new Set(await Promise.all(rolloutIds.map((id) => leaveFinisher(context, id))));
  return continuing.findLast((one) => found.has(one));
}

/** What workerctl itself reads, or the programs that it runs need in order to be found. */
const ownVariables = ['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'TZ', 'WORKERCTL_LOCK'];

/**
 * The environment of a process that outlives its command: what workerctl needs, and what its workers take over by
 * `pass_env`. When a job ends, CI systems kill every process with the job's variables (BUILD_ID, RUNNER_TRACKING_ID, CI_JOB_ID
 * and many more).
 */
export function environmentFor(config: Config, caller: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const passed = config.workers.flatMap(({ passEnv }) => passEnv);
  const kept = new Set([...ownVariables, ...passed]);
  return Object.fromEntries(Object.entries(caller).filter(([name]) => kept.has(name)));
}
