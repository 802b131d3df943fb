import { WorkerctlError } from '../../core/basics/error.ts';
import { lookup } from '../../core/basics/lookup.ts';
import type { Code } from '../../core/model/code.ts';
import type { Config, RunAs, Worker } from '../../core/model/config.ts';
import type { Desired, Pin } from '../../core/model/desired.ts';
import { instanceNames } from '../../core/model/instance.ts';
import { directoryOf } from '../../core/model/launch.ts';
import type { Observation } from '../../core/model/observation.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import { withCounts } from '../../core/rules/scaling.ts';
import { commandDigestOf } from '../../host/worker/command-digest.ts';
import { mountProblem } from '../../host/process/mount-problem.ts';
import { openPlace, type Place } from '../../host/worker/place.ts';
import { releaseAt } from '../../host/worker/release.ts';
import { userKey, type ReleaseReader } from './release-reader.ts';

/** What a start of an instance would use now. */
export interface NextLaunch {
  /** Where it would be started, or why it cannot be. */
  readonly place: Place | WorkerctlError;
  /** The release, if it is known. */
  readonly release?: string;
}

/**
 * What starts would use, found out once for each directory: so all that one pass starts, and what it records of that, is
 * of one release, even if a deploy moves the link meanwhile.
 */
export interface Launches {
  /** @param pin the worker is pinned to this directory */
  readonly of: (worker: Worker, instance: string, pin?: Pin) => Promise<NextLaunch>;
  readonly digestOf: (worker: Worker) => string;
  readonly close: () => void;
}

/** Where launches are looked for. */
export interface LaunchScene {
  readonly config: Config;
  readonly hostName: string;
  readonly releases: ReleaseReader;
}

/** For a look that starts nothing, the answer of a release command may be this old, in milliseconds. */
export const lookAge = 5_000;

/** How often a release is asked for again because a deploy has moved the directory meanwhile. */
const mostAttempts = 5;

/** @param maxAge how old the answer of a release command may be, in milliseconds */
export function openLaunches({ config, hostName, releases }: LaunchScene, maxAge = 0): Launches {
  const known = new Map<string, Promise<NextLaunch>>();
  const digests = new Map<string, string>();
  // By user.
  const named = new Map<string, Promise<string | undefined>>();

  async function find(directory: string, { runAs }: Worker): Promise<NextLaunch> {
    if (config.release.kind === 'directory') return namedByPath(placeAt(directory, { runAs }));
    const user = userKey(runAs);
    for (let attempt = 1; attempt <= mostAttempts; attempt += 1) {
      const place = placeAt(directory, { runAs });
      const asked = named.get(user);
      const naming = asked ?? releases(attempt === 1 ? maxAge : 0, runAs);
      named.set(user, naming);
      const launch = withRelease(place, await naming);
      if (asked !== undefined || place instanceof WorkerctlError || place.isCurrent())
        return launch;
      place.close();
      named.delete(user);
    }
    const problem = `directory ${directory}: it is moved again and again; expected one release`;
    return { place: new WorkerctlError('failed', problem) };
  }

  return {
    of: (worker, instance, pin) => {
      const directory = pin?.directory ?? directoryOf(worker, instance, hostName);
      const place = `${directory} ${userKey(worker.runAs)}`;
      const key = pin === undefined ? place : `${place} (pinned)`;
      const finding =
        known.get(key) ??
        answering(directory, pin?.release, () =>
          pin === undefined
            ? find(directory, worker)
            : Promise.resolve(withRelease(pinnedPlace(worker, pin), pin.release)),
        );
      known.set(key, finding);
      return finding;
    },
    digestOf: (worker) => {
      const digest = digests.get(worker.name) ?? commandDigestOf(worker);
      digests.set(worker.name, digest);
      return digest;
    },
    close: () => {
      for (const finding of known.values())
        void finding.then(({ place }) => {
          if (!(place instanceof WorkerctlError)) place.close();
        });
    },
  };
}

/** A directory on a file system that does not answer is not opened: that would never end. */
async function answering(
  directory: string,
  release: string | undefined,
  find: () => Promise<NextLaunch>,
): Promise<NextLaunch> {
  const problem = await mountProblem(() => [directory]);
  if (problem === undefined) return find();
  return withRelease(new WorkerctlError('failed', `directory ${problem}`), release);
}

const withRelease = (place: NextLaunch['place'], release: string | undefined): NextLaunch => ({
  place,
  ...(release !== undefined && { release }),
});

const namedByPath = (place: NextLaunch['place']): NextLaunch =>
  withRelease(place, place instanceof WorkerctlError ? undefined : releaseAt(place.path));

function pinnedPlace({ name, runAs }: Worker, { directory }: Pin): NextLaunch['place'] {
  const place = placeAt(directory, { runAs });
  if (!(place instanceof WorkerctlError)) return place;
  const why = `${name} is pinned to it since a restart failed; to end that: workerctl restart ${name}`;
  return new WorkerctlError('failed', `${place.message} (${why})`);
}

function placeAt(
  directory: string,
  { runAs }: { readonly runAs: RunAs | undefined },
): NextLaunch['place'] {
  try {
    return openPlace(directory, runAs === undefined ? {} : { runAs });
  } catch (error) {
    if (error instanceof WorkerctlError) return error;
    throw error;
  }
}

/**
 * By instance, the code that starts would give now, for the workers of which a restart is under way, or is asked for;
 * undefined if there is none.
 */
export async function codesFor(
  launches: Launches,
  config: Config,
  desired: Desired,
  asked: readonly string[] = [],
): Promise<Observation['launches']> {
  const members = desired.rollouts.flatMap(({ replaces }) => Object.keys(replaces));
  const meant = new Set([...asked, ...members].map(workerNameOf));
  if (meant.size === 0) return undefined;
  const codes = new Map<string, Code>();
  for (const worker of withCounts(config, desired).workers) {
    if (!meant.has(worker.name)) continue;
    await mountProblem(() => worker.envFiles);
    const commandDigest = launches.digestOf(worker);
    for (const name of instanceNames(worker)) {
      const { release } = await launches.of(worker, name, lookup(desired.pins, worker.name));
      codes.set(name, { ...(release !== undefined && { release }), commandDigest });
    }
  }
  return codes;
}
