import type { LiveProcess } from '../../core/model/process.ts';
import type { ProcessRecord } from '../../core/model/record.ts';
import type { Worker } from '../../core/model/config.ts';
import { findProcess, readProcess } from '../../host/process/process-table.ts';
import { writeSuccessor } from '../../host/state/notes.ts';
import { successorPath } from '../../host/state/paths.ts';
import { removeFile } from '../../host/files/json-file.ts';
import { report, workerOf, type Context } from '../session.ts';

/** Notes which process a worker names as its successor. */
export type SuccessorNotes = (
  context: Context,
  instance: string,
  record: ProcessRecord,
  mainPid: number,
) => void;

/** Of one run: it may name another number each time. */
const mostReported = 5;

/**
 * MAINPID=: a process names the one that will be the main process, as unicorn and gunicorn do when they start their own
 * successor. It keeps its place until it exits: its shim waits for it and holds the lock. The next pass then adopts the
 * successor instead of starting a second one. A process that cannot be the successor is reported once.
 */
export function createSuccessorNotes(): SuccessorNotes {
  const reported = new Map<string, Set<number>>();
  return (context, instance, record, mainPid) => {
    const { stateDir } = context.config;
    if (mainPid === record.pid) {
      removeFile(successorPath(stateDir, instance)); // it stays the main process after all
      return;
    }
    const successor = readProcess(mainPid);
    const refused = refusal(workerOf(context.config, instance), record, successor);
    if (successor !== undefined && refused === undefined) {
      writeSuccessor(stateDir, instance, { process: successor, runId: record.runId });
      return;
    }
    const known = reported.get(record.runId) ?? new Set();
    if (known.has(mainPid) || known.size >= mostReported) return;
    reported.set(record.runId, known.add(mainPid));
    const problem = `MAINPID=${mainPid} of pid ${record.pid} is ignored: ${refused}`;
    report(context, instance, { kind: 'warning', problem });
  };
}

/** Why a process cannot be the successor; undefined if it can. */
function refusal(
  { ready }: Worker,
  record: ProcessRecord,
  successor: LiveProcess | undefined,
): string | undefined {
  if (ready.kind !== 'notify') return 'the worker has no ready: {notify: true}';
  if (successor === undefined) return 'no such process';
  const session = findProcess(record)?.sessionId ?? record.pid;
  // No process in a session is older than its leader: an older one means that the session's number was reused.
  const isKin = successor.sessionId === session && successor.startTime >= record.startTime;
  return isKin || descendsFrom(successor.parentPid, record.pid)
    ? undefined
    : 'it is not one of its own processes';
}

/** More generations than there are between any program and its successor. */
const maxGenerations = 16;

function descendsFrom(pid: number, ancestor: number): boolean {
  let current = pid;
  for (let generation = 0; generation < maxGenerations && current > 1; generation += 1) {
    if (current === ancestor) return true;
    current = readProcess(current)?.parentPid ?? 0;
  }
  return false;
}
