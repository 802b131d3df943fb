import { durationOf } from '../../core/basics/time.ts';
import { ageOf } from '../../core/model/observation.ts';
import type { ProcessRef } from '../../core/model/instance.ts';
import { isOfConfig } from '../../core/model/targets.ts';
import { describeErrno } from '../../host/files/errno.ts';
import {
  openNotifySocket,
  type NotifyMessage,
  type NotifySocket,
} from '../../host/sockets/notify-socket.ts';
import { sinceBoot } from '../../host/process/process-table.ts';
import { noteReady, readyAge, writeExtension, writeSaidStatus } from '../../host/state/notes.ts';
import { baseOf } from '../../host/state/paths.ts';
import { readRecord } from '../../host/state/records.ts';
import { report, workerOf, type Context } from '../session.ts';
import { createSuccessorNotes, type SuccessorNotes } from './successors.ts';

/**
 * Receives what workers send by sd_notify(3): READY=1 is noted, WATCHDOG=1 is a sign of life, STATUS= is kept for `status`,
 * MAINPID= names a successor, EXTEND_TIMEOUT_USEC= asks for more time. Calls `wake` if there may be something to do. Undefined if this host cannot receive messages.
 */
export async function openNotifyListener(
  current: () => Context,
  wake: () => void,
): Promise<NotifySocket | undefined> {
  const { stateDir } = current().config;
  const successors = createSuccessorNotes();
  const reported = new Set<string>();
  const warn = (about: ProcessRef | 'watch', problem: string): void => {
    report(current(), about, { kind: 'warning', problem });
  };
  const tryToHear = (message: NotifyMessage): void => {
    try {
      if (hear(current(), message, successors)) wake();
    } catch (error) {
      const about = refOf(message) ?? 'watch';
      const problem = describeErrno(error);
      const key = `${typeof about === 'string' ? about : baseOf(about)} ${problem}`;
      if (!reported.has(key)) warn(about, problem);
      reported.add(key);
    }
  };
  const lost = (): void => {
    current().silence.forgetHeard();
    warn('watch', 'the process that receives messages of sd_notify has ended; it is started again');
  };
  const opened = await openNotifySocket(stateDir, tryToHear, process.env, lost);
  if (opened.kind === 'open') return opened;
  const needs = current().config.workers.some(({ ready }) => ready.kind === 'notify');
  if (needs) {
    const problem = `messages of sd_notify cannot be received: ${opened.problem}`;
    report(current(), 'watch', { kind: 'warning', problem });
  }
  return undefined;
}

/** Handles a message; whether there may be something to do now. */
function hear(context: Context, message: NotifyMessage, successors: SuccessorNotes): boolean {
  const { fields } = message;
  const process = refOf(message);
  if (process === undefined) return false;
  const { stateDir } = context.config;
  const name = baseOf(process);
  const record = readRecord(stateDir, name);
  if (record.kind !== 'read' || !isOfConfig(context.config, process.instance)) return false;
  const { runId } = record.value;
  if (fields.mainPid !== undefined && process.retiring === undefined)
    successors(context, name, record.value, fields.mainPid);
  if (fields.watchdog === 'alive') context.silence.hear(name, runId);
  if (fields.extendTimeout !== undefined)
    writeExtension(stateDir, name, runId, durationOf(sinceBoot() + fields.extendTimeout));
  if (fields.status !== undefined) writeSaidStatus(stateDir, name, runId, fields.status);
  if (fields.stopping === true) writeSaidStatus(stateDir, name, runId, 'says that it is stopping');
  if (fields.ready !== true || workerOf(context.config, process.instance).ready.kind === 'after')
    return false;
  if (readyAge(stateDir, name, runId) !== undefined) return false;
  noteReady(stateDir, name, runId, ageOf(record.value, { sinceBoot: sinceBoot() }));
  return true;
}

const refOf = ({ instance, retiring }: NotifyMessage): ProcessRef | undefined =>
  instance === undefined ? undefined : { instance, ...(retiring !== undefined && { retiring }) };
