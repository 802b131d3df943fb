import type { LiveProcess } from '../core/process.ts';
import type { ProcessRecord } from '../core/record.ts';
import type { Worker } from '../core/worker.ts';
import { findProcess, readProcess } from '../os/process-table.ts';
import { heirPath, removeFile, writeHeir } from '../os/state-files.ts';
import { report, workerOf, type Context } from './context.ts';

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
      removeFile(heirPath(stateDir, instance)); // it has thought better of it
      return;
    }
    const heir = readProcess(mainPid);
    const why = refusal(workerOf(context.config, instance), record, heir);
    if (heir !== undefined && why === undefined) {
      writeHeir(stateDir, instance, record.start, heir);
      return;
    }
    const key = `${record.start} ${mainPid}`;
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
  heir: LiveProcess | undefined,
): string | undefined {
  if (ready.kind !== 'notify') return 'the worker has no ready: {notify: true}';
  if (heir === undefined) return 'there is no such process';
  const session = findProcess(record)?.sessionId ?? record.pid;
  // Nobody in a session is older than its leader: the number of this one may have been given away again.
  const isKin = heir.sessionId === session && heir.startTime >= record.startTime;
  return isKin || descendsFrom(heir.parentPid, record.pid)
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
