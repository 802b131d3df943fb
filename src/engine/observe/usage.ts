import type { Usage } from '../../core/views/page-view.ts';
import { monotonicMs } from '../../host/process/clock.ts';
import { cpuTimeOf } from '../../host/process/cpu-time.ts';
import { allProcesses, familyOf, memoryOf } from '../../host/process/session.ts';

/** Measures what processes use, each with all that it has started. */
export interface UsageMeter {
  /** By pid; a measurement may be some seconds old. */
  readonly of: (pids: readonly number[]) => ReadonlyMap<number, Usage>;
}

/** How old a measurement may be. */
const freshMs = 5_000;

/** Measuring may take one part in this many of a core. */
const restPerMeasurement = 50;

interface Measured {
  readonly startTime: number;
  readonly atMs: number;
  readonly cpuMs: number;
  readonly usage: Usage;
}

export function createUsageMeter(): UsageMeter {
  let known = new Map<number, Measured>();
  let nextMs = -Infinity;
  const measure = (pids: readonly number[]): void => {
    const begun = monotonicMs();
    const all = allProcesses();
    const wanted = new Set(pids);
    known = new Map(
      all.flatMap((process) => {
        if (!wanted.has(process.pid)) return [];
        const family = familyOf(process, all);
        const cpuMs = family.reduce((sum, { pid }) => sum + cpuTimeOf(pid), 0);
        const before = known.get(process.pid);
        const atMs = monotonicMs();
        const cpu =
          before?.startTime === process.startTime
            ? Math.max(0, (cpuMs - before.cpuMs) / (atMs - before.atMs))
            : undefined;
        const usage = {
          memory: memoryOf(family),
          ...(cpu !== undefined && { cpu: Math.round(cpu * 100) / 100 }),
        };
        return [[process.pid, { startTime: process.startTime, atMs, cpuMs, usage }]];
      }),
    );
    const tookMs = monotonicMs() - begun;
    nextMs = monotonicMs() + Math.max(freshMs, tookMs * restPerMeasurement);
  };
  return {
    of: (pids) => {
      if (monotonicMs() >= nextMs) measure(pids);
      return new Map([...known].map(([pid, { usage }]) => [pid, usage]));
    },
  };
}
