import type { ActionOf } from '../../core/model/action.ts';
import { isSameProcess } from '../../core/model/process.ts';
import { durationOf } from '../../core/basics/time.ts';
import { describeErrno } from '../../host/files/errno.ts';
import { faultPoint } from '../../host/files/fault-point.ts';
import { now } from '../../host/process/clock.ts';
import { sinceBoot } from '../../host/process/process-table.ts';
import { askToFinish, type Asked } from '../../host/process/signal.ts';
import { readQuiet, writeQuiet, writeStop } from '../../host/state/notes.ts';
import { quietPath, stopPath } from '../../host/state/paths.ts';
import { report, type Context } from '../session.ts';
import type { Run } from './run.ts';

type Ask = ActionOf<'stop'> | ActionOf<'quiet'>;

/** Notes each request, then sends all the signals at once. What cannot be noted is not asked. */
export function ask({ context, passLock, blocked }: Run, actions: readonly Ask[]): void {
  const noted = actions.filter((action) => tryToNote(context, action));
  const { stateDir } = context.config;
  const answers = askToFinish(
    noted.map(({ kind, instance, process, signal }) => ({
      process,
      signal,
      stopFile: (kind === 'stop' ? stopPath : quietPath)(stateDir, instance),
    })),
    passLock.fd,
  );
  faultPoint();
  for (const { instance } of actions) blocked.add(instance);
  noted.forEach((action, index) => {
    const answer = answers[index] ?? 'gone';
    reportAsked(context, action, answer);
    if (answer === 'sent') blocked.delete(action.instance);
  });
}

function tryToNote(context: Context, action: Ask): boolean {
  try {
    note(context, action);
    return true;
  } catch (error) {
    const problem = `cannot write its stop file: ${describeErrno(error)}`;
    report(context, action.instance, { kind: 'signal_failed', pid: action.process.pid, problem });
    return false;
  }
}

function note({ config: { stateDir } }: Context, action: Ask): void {
  const { instance, process, signal, limit, cause } = action;
  const before = readQuiet(stateDir, instance);
  // One that was made quiet in order to be stopped has been draining since then.
  const since =
    before.kind === 'read' &&
    before.value.stopsWhenIdle &&
    isSameProcess(before.value.process, process)
      ? before.value
      : undefined;
  const deadline =
    since?.deadline ?? (limit === undefined ? undefined : durationOf(sinceBoot() + limit));
  const at = since?.at ?? now();
  const stop = { process, sent: false, signal, at, cause, ...(deadline && { deadline }) };
  if (action.kind === 'stop')
    writeStop(stateDir, instance, {
      ...stop,
      ...(action.isRecycle === true && { isRecycle: true }),
      ...(action.memory !== undefined && { memory: action.memory }),
    });
  else writeQuiet(stateDir, instance, { ...stop, stopsWhenIdle: action.stopsWhenIdle });
}

function reportAsked(context: Context, action: Ask, answer: Asked): void {
  const { instance, cause } = action;
  const { pid } = action.process;
  switch (answer) {
    case 'sent':
      if (action.kind === 'stop') {
        const { signal, limit } = action;
        const limited = limit === undefined ? {} : { limit };
        report(context, instance, { kind: 'draining', pid, signal, ...limited, cause });
      } else {
        const { signal, stopsWhenIdle } = action;
        report(context, instance, { kind: 'quieted', pid, signal, stopsWhenIdle, cause });
      }
      return;
    case 'denied':
      report(context, instance, {
        kind: 'signal_failed',
        pid,
        problem: 'it belongs to another user',
      });
      return;
    case 'gone':
      return; // it exited by itself: the next look finds out how
  }
}
