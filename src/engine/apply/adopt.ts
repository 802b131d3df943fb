import { durationOf } from '../../core/basics/time.ts';
import { launchOf } from '../../core/model/launch.ts';
import type { ActionOf } from '../../core/model/action.ts';
import type { LogPlace, ProcessRecord } from '../../core/model/record.ts';
import { describeErrno } from '../../host/files/errno.ts';
import { removeFile, type StateFile } from '../../host/files/json-file.ts';
import { fileKeyAt, outputTo } from '../../host/logs/lost-log.ts';
import { awaitNotify } from '../../host/state/heartbeats.ts';
import { noteReady, readyAge } from '../../host/state/notes.ts';
import { exitPath, successorPath } from '../../host/state/paths.ts';
import { readRecord, writePidfile, writeRecord } from '../../host/state/records.ts';
import { startedAt } from '../../host/process/process-table.ts';
import { commandDigestOf } from '../../host/worker/command-digest.ts';
import { usingItsPidfile } from './pidfiles.ts';
import { report, workerOf } from '../session.ts';
import { assertHeld, type Run } from './run.ts';

/** What cannot be taken over is reported: nothing is started beside it, and it is tried again by the next pass. */
export function adoptAll(run: Run, actions: readonly ActionOf<'adopt'>[]): void {
  for (const action of actions) {
    const { instance, process } = action;
    assertHeld(run.passLock);
    try {
      adopt(run, action);
    } catch (error) {
      const problem = describeErrno(error);
      report(run.context, instance, { kind: 'adopt_failed', pid: process.pid, problem });
    }
  }
}

/**
 * The record first: once a process has one, nothing is started beside it. It counts as ready, because it may have shown
 * long ago what it shows only once, such as a line in its log. A successor is as ready as its predecessor.
 */
function adopt({ context }: Run, action: ActionOf<'adopt'>): void {
  const { instance, process, shim, runId, successorOf, cause } = action;
  const { config, hostName } = context;
  const worker = workerOf(config, instance);
  const launch = launchOf(worker, instance, config.stateDir, hostName);
  // Before the record, which makes it the instance's process: until then all of this can be done again.
  if (successorOf !== undefined) inherit(config.stateDir, instance, successorOf.runId, runId);
  else if (worker.ready.kind !== 'after' && worker.ready.kind !== 'command')
    noteReady(config.stateDir, instance, runId, durationOf(0));
  writeRecord(config.stateDir, {
    pid: process.pid,
    startTime: process.startTime,
    bootId: process.bootId,
    instance,
    runId,
    shimPid: shim?.pid ?? 0,
    startedAt: startedAt(process),
    config: config.path,
    commandDigest: commandDigestOf(worker),
    stopSignal: launch.stopSignal,
    log: logOf(process.pid, launch.logFile, readRecord(config.stateDir, instance)),
  });
  // Of a launch that had failed when the process came up after all, or of the predecessor.
  if (shim === undefined) removeFile(exitPath(config.stateDir, instance));
  if (launch.daemonizes === undefined)
    usingItsPidfile(context, instance, (path) => {
      writePidfile(path, process.pid);
    });
  if (successorOf !== undefined) removeFile(successorPath(config.stateDir, instance));
  report(context, instance, { kind: 'adopted', pid: process.pid, cause });
}

/** If it writes to the log, or to the one that its predecessor was given, it can be seen when that is lost. */
function logOf(pid: number, path: string, before: StateFile<ProcessRecord>): LogPlace {
  const given = before.kind === 'read' ? before.value.log.file : undefined;
  const file = [fileKeyAt(path), given].find(
    (one) => one !== undefined && outputTo(one, pid) !== undefined,
  );
  return { path, offset: 0, ...(file !== undefined && { file }) };
}

/** A successor is as ready as its predecessor was, and beats by sd_notify(3): the heartbeat file was the predecessor's. */
function inherit(stateDir: string, instance: string, from: string, to: string): void {
  awaitNotify(stateDir, instance, to);
  if (readyAge(stateDir, instance, from) !== undefined)
    noteReady(stateDir, instance, to, durationOf(0));
}
