import { instanceOf, isLeaving } from '../core/leaving.ts';
import { describeErrno } from '../os/errno.ts';
import { openNotifySocket, type NotifyMessage, type NotifySocket } from '../os/notify-socket.ts';
import { noteReady, readRecord, writeSaidStatus } from '../os/state-files.ts';
import { report, workerOf, type Context } from './context.ts';
import { createHeirDesk, type HeirDesk } from './heirs.ts';

/**
 * Hears what workers say by sd_notify(3): READY=1 is noted, WATCHDOG=1 is a sign of life, STATUS= is kept for `status`,
 * MAINPID= names a successor.
 * `wake` is called when that may change what is to be done. Undefined where this host has no way to hear them.
 */
export async function openNotifyDesk(
  current: () => Context,
  wake: () => void,
): Promise<NotifySocket | undefined> {
  const { stateDir } = current().config;
  const heirs = createHeirDesk();
  const opened = await openNotifySocket(stateDir, (message) => {
    try {
      if (hear(current(), message, heirs)) wake();
    } catch (error) {
      const { instance = 'watch' } = message;
      report(current(), instance, { kind: 'warning', problem: describeErrno(error) });
    }
  });
  if (opened.kind === 'open') return opened;
  const needs = current().config.workers.some(({ ready }) => ready.kind === 'notify');
  if (needs) {
    const problem = `sd_notify cannot be heard here: ${opened.why}`;
    report(current(), 'watch', { kind: 'warning', problem });
  }
  return undefined;
}

/** Whether it may change what is to be done. */
function hear(
  context: Context,
  { instance: name, fields }: NotifyMessage,
  heirs: HeirDesk,
): boolean {
  if (name === undefined) return false;
  const { stateDir } = context.config;
  const record = readRecord(stateDir, name);
  if (record.kind !== 'read') return false;
  const { start } = record.value;
  if (fields.mainPid !== undefined && !isLeaving(name))
    heirs(context, name, record.value, fields.mainPid);
  if (fields.watchdog === 'alive') context.silence.hear(name, start);
  if (fields.status !== undefined) writeSaidStatus(stateDir, name, start, fields.status);
  if (fields.stopping === true) writeSaidStatus(stateDir, name, start, 'says that it is stopping');
  if (fields.ready !== true || workerOf(context.config, instanceOf(name)).ready.kind === 'after')
    return false;
  noteReady(stateDir, name, start);
  return true;
}
