import { lookup } from '../../core/basics/lookup.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import type { PassOutcome } from '../../core/model/decision.ts';
import type { GroupLimits, Worker } from '../../core/model/config.ts';
import { expandedReadiness, launchOf, pathsOf } from '../../core/model/launch.ts';
import { groupProblem, type GroupWay } from '../../core/rules/control-group.ts';
import { toBeReplaced } from '../../core/rules/replacements.ts';
import { mountProblem } from '../../host/process/mount-problem.ts';
import { nobodyListens, notifyEnvironment } from '../../host/sockets/notify-path.ts';
import { filesProblem, workerProblem } from '../../host/worker/preflight.ts';
import { workerOf, type Context } from '../session.ts';
import { groupWays } from './group-ways.ts';
import type { Launches } from './launches.ts';

/**
 * Looks, before a pass asks processes to exit in order to replace them, whether the replacements could be started.
 * @returns by instance, why not; undefined if the pass asks none, or all could be started
 */
export async function obstaclesTo(
  context: Context,
  outcome: PassOutcome,
  launches: Launches,
): Promise<ReadonlyMap<string, string> | undefined> {
  const { config, hostName } = context;
  const found = new Map<string, string>();
  const known = new Map<string, string | undefined>();
  const wayOf = groupWays(config);
  for (const name of toBeReplaced(config, outcome)) {
    const worker = workerOf(config, name);
    const pin = lookup(outcome.desired.pins, worker.name);
    const { place, release } = await launches.of(worker, name, pin);
    const launch = launchOf(worker, name, config.stateDir, hostName, release);
    const ready = expandedReadiness(worker.ready, worker, name, hostName);
    const { quiet } = worker.stop;
    const helpers = {
      ready: ready.kind === 'command' ? ready.command : undefined,
      quiet:
        typeof quiet === 'object'
          ? launchOf(worker, name, config.stateDir, hostName, release, quiet.command).command
          : undefined,
    };
    // Most instances of a worker differ only in their logs and pidfiles.
    const key = JSON.stringify([
      worker.name,
      launch.directory,
      launch.command[0],
      launch.envFiles,
      launch.env['PATH'],
      helpers.ready,
      helpers.quiet?.[0],
    ]);
    const silent = await mountProblem(() => pathsOf(launch));
    if (!known.has(key) && silent === undefined)
      known.set(
        key,
        place instanceof WorkerctlError
          ? place.message
          : (workerProblem(worker, launch, place, helpers) ??
              noGroup(worker, wayOf) ??
              (ready.kind === 'notify' ? await notifyProblem(config.stateDir) : undefined)),
      );
    const problem = known.get(key) ?? silent ?? filesProblem(launch, config.stateDir);
    if (problem !== undefined) found.set(name, problem);
  }
  return found.size === 0 ? undefined : found;
}

function noGroup({ cgroup }: Worker, wayOf: (limits: GroupLimits) => GroupWay): string | undefined {
  const way = cgroup && wayOf(cgroup);
  return way?.kind === 'none' ? groupProblem(way) : undefined;
}

async function notifyProblem(stateDir: string): Promise<string | undefined> {
  const { NOTIFY_SOCKET: socket } = await notifyEnvironment(stateDir);
  return socket === undefined ? nobodyListens : undefined;
}
