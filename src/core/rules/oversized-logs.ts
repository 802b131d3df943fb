import { formatSize } from '../basics/bytes.ts';
import type { Action } from '../model/action.ts';
import { refOf, type Observation } from '../model/observation.ts';
import { readyingOf } from './readiness.ts';
import type { Snapshot, Subject } from './snapshot.ts';

/**
 * Logs that are longer than the config allows, each once: an old process beside its replacement writes to the same one.
 * While a process is starting, its ready line is looked for, and its log is not touched.
 */
export function oversizedLogs(snapshot: Snapshot): Action[] {
  const { observation } = snapshot;
  const all = snapshot.everyone();
  const done = new Set(all.flatMap((subject) => logOfStarting(subject, observation)));
  return all.flatMap(({ observed, worker }) => {
    const { presence, log } = observed;
    if (worker.log?.kind !== 'rotated' || log === undefined || presence.kind !== 'alive') return [];
    const { maxSize, keep } = worker.log;
    const { path, size } = log;
    if (size <= maxSize || done.has(path)) return [];
    done.add(path);
    const { runId } = presence.record;
    const cause = `it has ${formatSize(size)} (limit ${formatSize(maxSize)})`;
    return [{ kind: 'rotate' as const, ...refOf(observed), runId, path, keep, cause }];
  });
}

function logOfStarting({ observed, worker }: Subject, observation: Observation): string[] {
  const { presence, log } = observed;
  if (log === undefined || presence.kind !== 'alive') return [];
  return readyingOf(presence, worker.ready, observation).kind === 'starting' ? [log.path] : [];
}
