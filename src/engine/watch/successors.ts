import type { LiveProcess } from '../../core/model/process.ts';
import type { ProcessRecord } from '../../core/model/record.ts';
import type { Worker } from '../../core/model/config.ts';
import { findProcess, readProcess } from '../../host/process/process-table.ts';
import { writeHeir } from '../../host/state/notes.ts';
import { successorPath } from '../../host/state/paths.ts';
import { removeFile } from '../../host/files/json-file.ts';
import { report, workerOf, type Context } from '../session.ts';

/** Notes whom workers name as their successor. */
export type HeirDesk = (
  context: Context,
  instance: string,
  record: ProcessRecord,
  mainPid: number,
) => void;

/**
 * MAINPID=: a process names the one that is to be the main process from now on, as unicorn and gunicorn do when they start
 * their own successor. It keeps its place until it is gone: its shim waits for it and holds the lock. The next pass then
 * adopts the successor in place of starting a second one. What cannot be followed is told once.
 */
export function createHeirDesk(): HeirDesk {
  const told = new Set<string>();
  return (context, instance, record, mainPid) => {
    const { stateDir } = context.config;
    if (mainPid === record.pid) {
      removeFile(successorPath(stateDir, instance)); // it has thought better of it
      return;
    }
    const successor = readProcess(mainPid);
    const why = refusal(workerOf(context.config, instance), record, successor);
    if (successor !== undefined && why === undefined) {
      writeHeir(stateDir, instance, record.runId, successor);
      return;
    }
    const key = `${record.runId} ${mainPid}`;
    if (told.has(key)) return;
    told.add(key);
    const problem = `MAINPID=${mainPid} of pid ${record.pid} is not followed: ${why}`;
    report(context, instance, { kind: 'warning', problem });
  };
}

/** Why a process cannot be the successor; undefined when it can. */
function refusal(
  { ready }: Worker,
  record: ProcessRecord,
  successor: LiveProcess | undefined,
): string | undefined {
  if (ready.kind !== 'notify') return 'the worker has no ready: {notify: true}';
  if (successor === undefined) return 'there is no such process';
  const session = findProcess(record)?.sessionId ?? record.pid;
  // Nobody in a session is older than its leader: the number of this one may have been given away again.
  const isKin = successor.sessionId === session && successor.startTime >= record.startTime;
  return isKin || descendsFrom(successor.parentPid, record.pid)
    ? undefined
    : 'that is no process of its own';
}

/** More generations than any program has between itself and its successor. */
const maxGenerations = 16;

function descendsFrom(pid: number, ancestor: number): boolean {
  let current = pid;
  for (let generation = 0; generation < maxGenerations && current > 1; generation += 1) {
    if (current === ancestor) return true;
    current = readProcess(current)?.parentPid ?? 0;
  }
  return false;
}
