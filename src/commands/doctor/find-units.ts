import { allObserved, type Observation } from '../../core/model/observation.ts';
import type { LiveProcess } from '../../core/model/process.ts';
import { unitOf, type Unit } from '../../core/protocols/cgroup.ts';
import { groupOf } from '../../host/process/process-table.ts';

/** A control group and our processes in it: workers, and the watch, because what it starts lands there too. */
export interface Members {
  readonly path: string;
  readonly unit: Unit;
  readonly names: readonly string[];
}

/** The units that our processes are in. If none is running, that of this command: what it starts lands there. */
export function findUnits(observation: Observation, watch: LiveProcess | undefined): Members[] {
  const pids = allObserved(observation).flatMap(({ name, presence }) =>
    presence.kind === 'alive' ? [{ name, pid: presence.process.pid }] : [],
  );
  if (watch !== undefined) pids.push({ name: 'watch', pid: watch.pid });
  if (pids.length === 0) pids.push({ name: 'this command', pid: process.pid });
  const byPath = new Map<string, string[]>();
  for (const { name, pid } of pids) {
    const path = groupOf(pid);
    byPath.set(path, [...(byPath.get(path) ?? []), name]);
  }
  return [...byPath].map(([path, names]) => ({ path, unit: unitOf(path), names }));
}
