import { WorkerctlError } from '../../core/basics/error.ts';
import type { Rollout } from '../../core/model/desired.ts';
import { liveProcess, type Observation } from '../../core/model/observation.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import { report, workerOf, type Context } from '../../engine/session.ts';

/** For each worker the release that its first instance runs, and the one that its replacement gets. */
export async function releasesOf(
  { config, releaseOf }: Context,
  instances: readonly string[],
  observation: Observation,
): Promise<Rollout['releases']> {
  const releases: Record<string, { from?: string; to?: string }> = {};
  for (const worker of config.workers) {
    const own = instances.filter((name) => workerNameOf(name) === worker.name);
    if (own.length === 0) continue;
    const to = await releaseOf(worker);
    const from = own
      .map((name) => releaseRunBy(observation, name))
      .find((release) => release !== undefined);
    releases[worker.name] = {
      ...(from !== undefined && { from }),
      ...(to !== undefined && { to }),
    };
  }
  return releases;
}

function releaseRunBy({ instances }: Observation, name: string): string | undefined {
  const presence = instances.get(name)?.presence;
  return presence?.kind === 'alive' ? presence.record.release : undefined;
}

/**
 * The running instances whose release is not the one that they would get now.
 * @throws WorkerctlError `failed` if that release is unknown
 */
export async function outdatedAmong(
  context: Context,
  names: readonly string[],
  observation: Observation,
): Promise<string[]> {
  const outdated: string[] = [];
  for (const name of names) {
    const release = await context.releaseOf(workerOf(context.config, name));
    if (release === undefined) {
      throw new WorkerctlError(
        'failed',
        `--outdated: the release of ${workerNameOf(name)} is unknown`,
        { hint: 'set release in the config, or restart without --outdated' },
      );
    }
    const observed = observation.instances.get(name);
    if (observed === undefined || liveProcess(observed) === undefined) continue;
    if (releaseRunBy(observation, name) !== release) outdated.push(name);
    else report(context, name, { kind: 'up_to_date', release });
  }
  return outdated;
}
