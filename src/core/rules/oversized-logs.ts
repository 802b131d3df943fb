import { formatSize } from '../basics/bytes.ts';
import type { Action, ActionOf } from '../model/action.ts';
import { refOf, type Observation, type ObservedLog } from '../model/observation.ts';
import { readyingOf } from './readiness.ts';
import type { Snapshot, Subject } from './snapshot.ts';

/**
 * Logs that are longer than the config allows, each once: an old process beside its replacement writes to the same one.
 * While a process is starting, its ready line is looked for, and its log is not touched.
 */
export function oversizedLogs(snapshot: Snapshot): Action[] {
  const { observation } = snapshot;
  const all = snapshot.everyone().filter(({ observed }) => observed.log ?? observed.errorLog);
  const done = new Set(all.flatMap((subject) => logsOfStarting(subject, observation)));
  const logs = all.flatMap((subject) => logsOf(subject).map((log) => ({ ...subject, log })));
  return logs.flatMap(({ observed, worker, log }) => {
    const { presence } = observed;
    if (worker.log?.kind !== 'rotated' || presence.kind !== 'alive') return [];
    const { maxSize, keep } = worker.log;
    const { path, size } = log;
    const file = fileOf(log);
    if (size <= maxSize || done.has(file)) return [];
    done.add(file);
    const { runId } = presence.record;
    const lost = openLost(log);
    const cause = `it has ${formatSize(size)} (limit ${formatSize(maxSize)})`;
    return [
      {
        kind: 'rotate' as const,
        ...refOf(observed),
        runId,
        path,
        keep,
        cause,
        ...(lost && { lost }),
      },
    ];
  });
}

/** A file that a process still writes to although the path of its log leads elsewhere, if it can be opened. */
function openLost({ lost }: ObservedLog): ActionOf<'rotate'>['lost'] {
  return lost?.open === undefined ? undefined : { open: lost.open, file: lost.file };
}

const fileOf = (log: ObservedLog): string => openLost(log)?.file ?? log.path;

const logsOf = ({ observed: { log, errorLog } }: Subject): readonly ObservedLog[] =>
  [log, errorLog].filter((one) => one !== undefined);

function logsOfStarting(subject: Subject, observation: Observation): string[] {
  const { observed, worker } = subject;
  if (observed.presence.kind !== 'alive') return [];
  const { kind } = readyingOf(observed.presence, worker.ready, observation);
  return kind === 'starting' ? logsOf(subject).map(fileOf) : [];
}
