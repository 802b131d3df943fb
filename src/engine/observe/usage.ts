import type { Usage } from '../../core/views/page-view.ts';
import type { LiveProcess } from '../../core/model/process.ts';
import { monotonicMs, sleep } from '../../host/process/clock.ts';
import { cpuTimeOf } from '../../host/process/cpu-time.ts';
import { allProcesses, familyOf, memoryOf } from '../../host/process/session.ts';

/** Measures what processes use, each with all that it has started. */
export interface UsageMeter {
  /** By pid; a measurement may be some seconds old, and of many processes some may have none yet. */
  readonly of: (pids: readonly number[]) => ReadonlyMap<number, Usage>;
}

/** How old a measurement may be. */
const freshMs = 5_000;

/** Measuring may take one part in this many of a core. */
const restPerMeasurement = 50;

/** One process takes about a millisecond: after this long, other work comes first. */
const usualSliceMs = 20;

/** Other work gets this many times as long as a slice has taken. */
const restPerSlice = 4;

interface Measured {
  readonly startTime: number;
  readonly atMs: number;
  readonly cpuMs: number;
  readonly usage: Usage;
}

export function createUsageMeter(sliceMs = usualSliceMs): UsageMeter {
  const known = new Map<number, Measured>();
  let nextMs = -Infinity;
  const measure = async (pids: readonly number[]): Promise<void> => {
    nextMs = Infinity;
    let tookMs = 0;
    let begun = monotonicMs();
    const all = allProcesses();
    const wanted = new Set(pids);
    for (const pid of known.keys()) if (!wanted.has(pid)) known.delete(pid);
    for (const process of all.filter(({ pid }) => wanted.has(pid))) {
      known.set(process.pid, measured(process, all, known.get(process.pid)));
      const slice = monotonicMs() - begun;
      if (slice < sliceMs) continue;
      tookMs += slice;
      await sleep(slice * restPerSlice);
      begun = monotonicMs();
    }
    tookMs += monotonicMs() - begun;
    nextMs = monotonicMs() + Math.max(freshMs, tookMs * restPerMeasurement);
  };
  return {
    of: (pids) => {
      if (monotonicMs() >= nextMs)
        measure(pids).catch(() => {
          nextMs = monotonicMs() + freshMs;
        });
      return new Map([...known].map(([pid, { usage }]) => [pid, usage]));
    },
  };
}

function measured(
  process: LiveProcess,
  all: readonly LiveProcess[],
  before: Measured | undefined,
): Measured {
  const { startTime } = process;
  const family = familyOf(process, all);
  const cpuMs = family.reduce((sum, { pid }) => sum + cpuTimeOf(pid), 0);
  const atMs = monotonicMs();
  const cpu =
    before?.startTime === startTime
      ? Math.max(0, (cpuMs - before.cpuMs) / (atMs - before.atMs))
      : undefined;
  const usage = {
    memory: memoryOf(family),
    ...(cpu !== undefined && { cpu: Math.round(cpu * 100) / 100 }),
  };
  return { startTime, atMs, cpuMs, usage };
}
