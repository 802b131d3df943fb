import { lookup } from '../../core/basics/lookup.ts';
import {
  allObserved,
  withSeen,
  type Observation,
  type ObservedInstance,
} from '../../core/model/observation.ts';
import type { LiveProcess } from '../../core/model/process.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import { monotonicMs } from '../../host/process/clock.ts';
import { allProcesses, familyOf, memoryOf } from '../../host/process/session.ts';
import type { Measures, Scene } from '../scene.ts';
import { lookAge, openLaunches } from './launches.ts';
import type { ReleaseReader } from './release-reader.ts';

/** A watch may look 25 times a second: a measurement of this age is good enough. */
const freshMs = 5_000;

/** Measures of a command, or of a watch, which makes new ones when it reads its config again. */
export function createMeasures(releases: ReleaseReader): Measures {
  const known = new Map<string, { readonly at: number; readonly bytes: number }>();
  return {
    releases,
    memoryOf: (processes) => {
      const now = monotonicMs();
      const isStale = (process: LiveProcess): boolean =>
        now - (known.get(keyOf(process))?.at ?? -Infinity) >= freshMs;
      const stale = processes.filter(isStale);
      if (stale.length > 0) {
        for (const [key, { at }] of known) if (now - at >= freshMs) known.delete(key);
        const all = allProcesses();
        for (const process of stale)
          known.set(keyOf(process), { at: now, bytes: memoryOf(familyOf(process, all)) });
      }
      return new Map(
        processes.map((process) => [process.pid, known.get(keyOf(process))?.bytes ?? 0]),
      );
    },
  };
}

const keyOf = ({ pid, startTime }: LiveProcess): string => `${pid} ${startTime}`;

/** The same observation, with what is measured of living processes whose workers have limits for that. */
export async function withMeasures(
  { config, hostName, pins = {} }: Scene,
  measures: Measures,
  observation: Observation,
): Promise<Observation> {
  const workers = new Map(config.workers.map((worker) => [worker.name, worker]));
  const living = allObserved(observation).flatMap((observed) => {
    const worker = workers.get(workerNameOf(observed.name));
    const { presence } = observed;
    if (presence.kind !== 'alive' || worker?.recycle === undefined) return [];
    return [{ observed, worker, recycle: worker.recycle, process: presence.process }];
  });
  const measured = living.filter(({ recycle }) => recycle.memory !== undefined);
  const bytes = measures.memoryOf(measured.map(({ process }) => process));
  const seen: ObservedInstance[] = [];
  const launches = openLaunches({ config, hostName, releases: measures.releases }, lookAge);
  for (const { observed, worker, recycle, process } of living) {
    // Nothing can be read about a process that is about to exit.
    const memory = recycle.memory === undefined ? undefined : bytes.get(process.pid) || undefined;
    const nextRelease =
      recycle.outdated && observed.retiring === undefined
        ? (await launches.of(worker, observed.name, lookup(pins, worker.name))).release
        : undefined;
    seen.push({
      ...observed,
      ...(memory !== undefined && { memory }),
      ...(nextRelease !== undefined && { nextRelease }),
    });
  }
  launches.close();
  return { ...withSeen(observation, seen), mayRecycle: true };
}
