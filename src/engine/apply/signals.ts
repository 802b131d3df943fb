import type { ActionOf } from '../../core/model/action.ts';
import { faultPoint } from '../../host/files/fault-point.ts';
import { removeFile } from '../../host/files/json-file.ts';
import { now } from '../../host/process/clock.ts';
import { isSameProcess } from '../../core/model/process.ts';
import type { Stop } from '../../core/model/record.ts';
import { killLeftBehind, killSession } from '../../host/process/kill-session.ts';
import { findProcess, sinceBoot } from '../../host/process/process-table.ts';
import { sendSignal } from '../../host/process/signal.ts';
import { durationOf } from '../../core/basics/time.ts';
import { quietOf, readStop, writeDump, writeKilling, writeQuiet } from '../../host/state/notes.ts';
import { baseOf, quietPath } from '../../host/state/paths.ts';
import { provesSession } from '../../host/worker/witness.ts';
import { markerOf } from '../observe/leftovers.ts';
import { report, type Context } from '../session.ts';
import { meansIn, runQuietCommand } from './quiet-commands.ts';
import { admitted, orWarn, type Run } from './run.ts';

/** The signal first: a second signal to continue does no harm. The note of a command comes before it. */
export function resume(run: Run, action: ActionOf<'resume'>): void {
  const { context } = run;
  const { instance, means } = action;
  const { stateDir } = context.config;
  const process = admitted(run, action);
  if (process === undefined || findProcess(process) === undefined) return;
  if (typeof means === 'string') {
    sendSignal(process, means);
    faultPoint();
    removeFile(quietPath(stateDir, instance));
  } else {
    const note = quietOf(stateDir, instance, process);
    if (note === undefined) return;
    const commandUntil = durationOf(Math.round(sinceBoot() + means.timeout));
    writeQuiet(stateDir, instance, { ...note, commandUntil, isResuming: true });
    faultPoint();
    runQuietCommand(context, action, means, commandUntil, 'resume');
  }
  report(context, instance, { kind: 'resumed', pid: process.pid, ...meansIn(means) });
}

/** The note first: the signal is sent once. */
export function dump(run: Run, action: ActionOf<'dump'>): void {
  const { context } = run;
  const { signal, cause } = action;
  const { stateDir } = context.config;
  const process = admitted(run, action);
  if (process === undefined || findProcess(process) === undefined) return;
  writeDump(stateDir, baseOf(action), { process, at: sinceBoot() });
  sendSignal(process, signal);
  faultPoint();
  report(context, action, { kind: 'dump_requested', pid: process.pid, signal, cause });
}

export async function kill(run: Run, action: ActionOf<'kill'>): Promise<void> {
  const { context, claimFor } = run;
  const { instance, successor, held, isWatchdog, cause } = action;
  const { pid } = action.process;
  const { config } = context;
  const process = admitted(run, action);
  if (process === undefined) return;
  await orWarn(context, action, () => {
    noteKilling(context, action);
  });
  const found = await killSession(process, successor);
  // It was alive a moment ago: what a command has limited is the whole session.
  const stop = found.kind === 'gone' ? stopOfSession(context, action) : undefined;
  const marker = markerOf(config.stateDir, instance, pid);
  const claim = claimFor(action, process);
  const leader = { ...action.process, marker, diedAt: sinceBoot(), runId: claim.runId };
  const outcome =
    stop === undefined
      ? found
      : await killLeftBehind(
          leader,
          provesSession(claim, leader, [...(stop.members ?? []), ...(stop.family ?? [])]),
          stop.family,
        );
  switch (outcome.kind) {
    case 'killed':
      report(context, action, {
        kind: 'killed',
        pid,
        processCount: outcome.pids.length,
        ...held,
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
    case 'unproven': // the next pass reports them
      return;
  }
}

/** The stop of the process, if it holds for its whole session. */
function stopOfSession({ config }: Context, action: ActionOf<'kill'>): Stop | undefined {
  const stop = readStop(config.stateDir, baseOf(action));
  if (stop.kind !== 'read' || !isSameProcess(stop.value.process, action.process)) return undefined;
  const isMeant = stop.value.members !== undefined || stop.value.endsSession === true;
  return isMeant ? stop.value : undefined;
}

/** Before the kill, so that the death is known to be no accident. */
function noteKilling({ config }: Context, action: ActionOf<'kill'>): void {
  const { process, cause, isWatchdog } = action;
  const note = { process, at: now(), cause, isWatchdog: isWatchdog === true };
  writeKilling(config.stateDir, baseOf(action), note);
}
