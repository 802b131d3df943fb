import type { ActionOf } from '../../core/model/action.ts';
import type { Activity } from '../../core/model/activity.ts';
import { observedAt } from '../../core/model/observation.ts';
import {
  isSameProcess,
  type LiveProcess,
  type ProcessIdentity,
  type Witnessed,
} from '../../core/model/process.ts';
import type { Asking, Stop } from '../../core/model/record.ts';
import { durationOf } from '../../core/basics/time.ts';
import { describeErrno } from '../../host/files/errno.ts';
import { faultPoint } from '../../host/files/fault-point.ts';
import { once } from '../../host/files/once.ts';
import { now } from '../../host/process/clock.ts';
import { familyBeside } from '../../host/process/kill-session.ts';
import { sinceBoot } from '../../host/process/process-table.ts';
import { allProcesses, membersBeside } from '../../host/process/session.ts';
import { askToFinish, type Asked, type Question } from '../../host/process/signal.ts';
import {
  markOf,
  quietOf as quietNoteOf,
  readStop,
  writeQuiet,
  writeStop,
} from '../../host/state/notes.ts';
import { baseOf, quietPath, stopPath } from '../../host/state/paths.ts';
import { inSessionOf } from '../../host/worker/witness.ts';
import { report, workerOf, type Context } from '../session.ts';
import { meansIn, runQuietCommand } from './quiet-commands.ts';
import { admitted, type Run } from './run.ts';

type Ask = ActionOf<'stop'> | ActionOf<'quiet'>;
type Admitted = Ask & { readonly process: Witnessed };

/** Notes each request, then sends all the signals at once; commands are started. What cannot be noted is not asked. */
export function ask(run: Run, actions: readonly Ask[]): void {
  const { context, passLock, blocked } = run;
  const everyProcess = once(allProcesses);
  context.attending?.add(
    actions.flatMap(({ instance, retiring }) => (retiring === undefined ? [instance] : [])),
  );
  const noted = actions.flatMap((action) => {
    const process = admitted(run, action);
    return process === undefined ? [] : tryToNote(run, { ...action, process }, everyProcess);
  });
  const answers = askToFinish(
    noted.flatMap(({ questions }) => questions),
    passLock.fd,
  );
  faultPoint();
  for (const { instance, retiring } of actions) if (retiring === undefined) blocked.add(instance);
  let last = -1;
  for (const { action, questions } of noted) {
    last += questions.length; // the process itself comes after the others of its session
    const answer = questions.length === 0 ? 'sent' : (answers[last] ?? 'gone');
    reportAsked(context, action, answer);
    if (answer === 'sent' && action.retiring === undefined) blocked.delete(action.instance);
  }
}

interface Noted {
  readonly action: Ask;
  readonly questions: readonly Question[];
}

function tryToNote(
  run: Run,
  action: Admitted,
  everyProcess: () => readonly LiveProcess[],
): Noted[] {
  try {
    return [{ action, questions: note(run, action, everyProcess) }];
  } catch (error) {
    const problem = `cannot write its stop file: ${describeErrno(error)}`;
    const { pid } = action.process;
    report(run.context, action.instance, { kind: 'signal_failed', pid, problem });
    return [];
  }
}

function note(
  { context, seen }: Run,
  action: Admitted,
  everyProcess: () => readonly LiveProcess[],
): readonly Question[] {
  const { config } = context;
  const { stateDir } = config;
  const { process } = action;
  const base = baseOf(action);
  const stop = askingFrom(stateDir, action, observedAt(seen, action)?.activity);
  if (action.kind === 'quiet') return noteQuiet(context, action, stop);
  const begun = begunStop(stateDir, base, process);
  if (begun !== undefined) return questionsOf(process, begun, stopPath(stateDir, base));
  const members =
    workerOf(config, action.instance).stop.to === 'session'
      ? membersBeside(process, everyProcess())
      : undefined;
  const full: Stop = {
    ...stop,
    signal: action.signal,
    ...(stop.endsSession === true && { family: familyBeside(process, everyProcess()) }),
    ...(members && { members, asked: '.'.repeat(members.length) }),
  };
  writeStop(stateDir, base, full);
  return questionsOf(process, full, stopPath(stateDir, base));
}

/** A command is recorded before it is started, and never started again for this note. */
function noteQuiet(
  context: Context,
  action: ActionOf<'quiet'> & { readonly process: Witnessed },
  asking: Asking,
): Question[] {
  const { stateDir } = context.config;
  const base = baseOf(action);
  const { process, means, stopsWhenIdle } = action;
  if (typeof means === 'string') {
    writeQuiet(stateDir, base, { ...asking, signal: means, stopsWhenIdle });
    const stopFile = quietPath(stateDir, base);
    return [{ process, signal: means, stopFile, mark: markOf() }];
  }
  const sent = { ...asking, sent: true, stopsWhenIdle };
  if (means === undefined) {
    const { signal, commandUntil } = quietNoteOf(stateDir, base, process) ?? {};
    writeQuiet(stateDir, base, {
      ...sent,
      ...(signal && { signal }),
      ...(commandUntil !== undefined && { commandUntil }),
    });
    return [];
  }
  const commandUntil = durationOf(Math.round(sinceBoot() + means.timeout));
  writeQuiet(stateDir, base, { ...sent, commandUntil });
  faultPoint();
  runQuietCommand(context, action, means, commandUntil, stopsWhenIdle ? 'stop' : 'quiet');
  return [];
}

/** A stop of a session that was noted, and perhaps sent to some: those who are named in it are asked, and no others. */
function begunStop(stateDir: string, base: string, process: ProcessIdentity): Stop | undefined {
  const file = readStop(stateDir, base);
  if (file.kind !== 'read' || file.value.sent || file.value.members === undefined) return undefined;
  return isSameProcess(file.value.process, process) ? file.value : undefined;
}

/** The members of the session that were not asked yet, then the process itself. */
function questionsOf(
  process: Witnessed,
  { signal, members = [], asked = '' }: Stop,
  stopFile: string,
): Question[] {
  const others = members.flatMap((noted, index): Question[] => {
    const member = asked[index] === 'x' ? undefined : inSessionOf(process, noted);
    if (member === undefined) return [];
    const after = 'x'.repeat(index + 1) + asked.slice(index + 1);
    return [{ process: member, signal, stopFile, mark: markOf(after) }];
  });
  return [...others, { process, signal, stopFile, mark: markOf() }];
}

/** What both kinds of requests say. */
function askingFrom(stateDir: string, action: Ask, activity: Activity | undefined): Asking {
  const { process, limit, cause } = action;
  const before = quietNoteOf(stateDir, baseOf(action), process);
  // One that was made quiet in order to be stopped has been draining since then.
  const isPrelude = before?.stopsWhenIdle === true && before.isResuming !== true;
  const isToExit = action.kind === 'stop' || action.stopsWhenIdle;
  const since = isPrelude && isToExit ? before : undefined;
  const deadline =
    since?.deadline ?? (limit === undefined ? undefined : durationOf(sinceBoot() + limit));
  const memory = action.memory ?? since?.memory;
  const job = activity?.kind === 'busy' ? activity.jobs[0] : undefined;
  const jobSince = since === undefined ? job?.since : since.jobSince;
  return {
    process,
    sent: false,
    at: (action.kind === 'quiet' ? action.at : undefined) ?? since?.at ?? now(),
    cause,
    ...(deadline && { deadline }),
    ...(jobSince !== undefined && { jobSince }),
    ...((action.isRecycle ?? since?.isRecycle) === true && { isRecycle: true }),
    ...(memory !== undefined && { memory }),
    ...((action.endsSession ?? since?.endsSession) === true && { endsSession: true }),
  };
}

function reportAsked(context: Context, action: Ask, answer: Asked): void {
  const { cause } = action;
  const { pid } = action.process;
  switch (answer) {
    case 'sent':
      if (action.kind === 'stop') {
        const { signal, limit } = action;
        const limited = limit === undefined ? {} : { limit };
        report(context, action, { kind: 'draining', pid, signal, ...limited, cause });
      } else {
        const { means, stopsWhenIdle } = action;
        report(context, action, { kind: 'quieted', pid, ...meansIn(means), stopsWhenIdle, cause });
      }
      return;
    case 'denied':
      report(context, action, {
        kind: 'signal_failed',
        pid,
        problem: 'it belongs to another user',
      });
      return;
    case 'gone':
      return; // it exited by itself: the next look finds out how
  }
}
