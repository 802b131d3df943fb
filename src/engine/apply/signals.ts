import type { ActionOf } from '../../core/model/action.ts';
import { faultPoint } from '../../host/files/fault-point.ts';
import { removeFile } from '../../host/files/json-file.ts';
import { now } from '../../host/process/clock.ts';
import { isSameProcess } from '../../core/model/process.ts';
import { killLeftBehind, killSession } from '../../host/process/kill-session.ts';
import { findProcess, sinceBoot } from '../../host/process/process-table.ts';
import { sendSignal } from '../../host/process/signal.ts';
import { readStop, writeDump, writeKilling } from '../../host/state/notes.ts';
import { baseOf, quietPath } from '../../host/state/paths.ts';
import { markerOf } from '../observe/leftovers.ts';
import { report, type Context } from '../session.ts';
import { orWarn, type Run } from './run.ts';

/** The signal first: a second signal to continue does no harm. */
export function resume({ context }: Run, action: ActionOf<'resume'>): void {
  const { instance, process, signal } = action;
  const { stateDir } = context.config;
  if (findProcess(process) === undefined) return;
  sendSignal(process.pid, signal);
  faultPoint();
  removeFile(quietPath(stateDir, instance));
  report(context, instance, { kind: 'resumed', pid: process.pid, signal });
}

/** The note first: the signal is sent once. */
export function dump({ context }: Run, action: ActionOf<'dump'>): void {
  const { process, signal, cause } = action;
  const { stateDir } = context.config;
  if (findProcess(process) === undefined) return;
  writeDump(stateDir, baseOf(action), { process, at: sinceBoot() });
  sendSignal(process.pid, signal);
  faultPoint();
  report(context, action, { kind: 'dump_requested', pid: process.pid, signal, cause });
}

export async function kill({ context }: Run, action: ActionOf<'kill'>): Promise<void> {
  const { instance, process, successor, job, isWatchdog, cause } = action;
  const { pid } = process;
  const { config } = context;
  await orWarn(context, action, () => {
    noteKilling(context, action);
  });
  const found = await killSession(process, successor);
  // It was alive a moment ago: what a command has limited is the whole session.
  const outcome =
    found.kind === 'gone' && isOfSession(context, action)
      ? await killLeftBehind({
          ...process,
          marker: markerOf(config.stateDir, instance, pid),
          diedAt: sinceBoot(),
        })
      : found;
  switch (outcome.kind) {
    case 'killed':
      report(context, action, {
        kind: 'killed',
        pid,
        processCount: outcome.pids.length,
        ...(job !== undefined && { job }),
        ...(isWatchdog === true && { isWatchdog }),
        cause,
      });
      return;
    case 'denied':
      report(context, action, {
        kind: 'signal_failed',
        pid,
        problem: 'it belongs to another user',
      });
      return;
    case 'gone':
      return;
  }
}

function isOfSession({ config }: Context, action: ActionOf<'kill'>): boolean {
  const stop = readStop(config.stateDir, baseOf(action));
  if (stop.kind !== 'read' || !isSameProcess(stop.value.process, action.process)) return false;
  return stop.value.members !== undefined || stop.value.endsSession === true;
}

/** Before the kill, so that the death is known to be no accident. */
function noteKilling({ config }: Context, action: ActionOf<'kill'>): void {
  const { process, cause, isWatchdog } = action;
  const note = { process, at: now(), cause, isWatchdog: isWatchdog === true };
  writeKilling(config.stateDir, baseOf(action), note);
}
