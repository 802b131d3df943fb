import type { Event } from '../../core/events/event.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import { isDone, isHeld, isStopped, type Rollout } from '../../core/model/desired.ts';
import { liveProcess, type Observation } from '../../core/model/observation.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import { openLaunches, type Launches } from '../../engine/observe/launches.ts';
import { readDesired } from '../../host/state/desired-file.ts';
import { report, workerOf, type Context } from '../../engine/session.ts';

/** What a restart of these instances replaces, and by which releases. */
export async function chooseTargets(
  context: Context,
  names: readonly string[],
  observation: Observation,
  { outdated }: { readonly outdated: boolean },
): Promise<{ wanted: readonly string[]; releases: Rollout['releases'] }> {
  const launches = openLaunches(context);
  try {
    const wanted = outdated ? await outdatedAmong(context, launches, names, observation) : names;
    return { wanted, releases: await releasesOf(context, launches, wanted, observation) };
  } finally {
    launches.close();
  }
}

/** For each worker the release that its instances run, and the one that their replacements get. */
async function releasesOf(
  { config }: Context,
  launches: Launches,
  instances: readonly string[],
  observation: Observation,
): Promise<Rollout['releases']> {
  const releases: Record<string, { from?: string; to?: string }> = {};
  for (const worker of config.workers) {
    const own = instances.filter((name) => workerNameOf(name) === worker.name);
    const [first] = own;
    if (first === undefined) continue;
    const { release: to } = await launches.of(worker, first);
    const ran = own.flatMap((name) => releaseRunBy(observation, name) ?? []);
    // After a restart that failed, some may run the new release already.
    const from = ran.find((release) => release !== to) ?? ran[0];
    releases[worker.name] = {
      ...(from !== undefined && { from }),
      ...(to !== undefined && { to }),
    };
  }
  return releases;
}

/** The releases on which replacements have become ready: others than the one expected, if a deploy came in between. */
export function releasesReached(
  expected: Rollout['releases'],
  events: readonly Event[],
): Rollout['releases'] {
  const entries = Object.entries(expected).map(([worker, { from, to }]) => {
    const ready = events.flatMap((event) =>
      event.kind === 'ready' &&
      event.release !== undefined &&
      workerNameOf(event.instance) === worker
        ? [event.release]
        : [],
    );
    const reached = ready.length === 0 ? to : [...new Set(ready)].join(', ');
    return [
      worker,
      { ...(from !== undefined && { from }), ...(reached !== undefined && { to: reached }) },
    ] as const;
  });
  return Object.fromEntries(entries);
}

/** The new ones among them, each once. */
export const releasesIn = (releases: Rollout['releases']): readonly string[] => [
  ...new Set(Object.values(releases).flatMap(({ to }) => to ?? [])),
];

function releaseRunBy({ instances }: Observation, name: string): string | undefined {
  const presence = instances.get(name)?.presence;
  return presence?.kind === 'alive' ? presence.record.release : undefined;
}

/**
 * The instances whose release is not the one that they would get now, and those that are missing.
 * @throws WorkerctlError `failed` if that release is unknown
 */
async function outdatedAmong(
  context: Context,
  launches: Launches,
  names: readonly string[],
  observation: Observation,
): Promise<string[]> {
  const outdated: string[] = [];
  const desired = readDesired(context.config.stateDir);
  const { now } = observation;
  for (const name of names) {
    const { release } = await launches.of(workerOf(context.config, name), name);
    if (release === undefined) {
      throw new WorkerctlError(
        'failed',
        `--outdated: the release of ${workerNameOf(name)} is unknown`,
        { hint: 'set release in the config, or restart without --outdated' },
      );
    }
    const observed = observation.instances.get(name);
    const isDown = observed === undefined || liveProcess(observed) === undefined;
    if (isDown && (isDone(desired, name) || isStopped(desired, name) || isHeld(desired, name, now)))
      continue;
    if (isDown || releaseRunBy(observation, name) !== release) outdated.push(name);
    else report(context, name, { kind: 'up_to_date', release });
  }
  return outdated;
}
