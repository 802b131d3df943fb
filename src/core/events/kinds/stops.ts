import { formatDuration, type Duration } from '../../basics/time.ts';
import { leftWords } from '../../model/leftovers.ts';
import { formatDeath } from '../../model/record.ts';
import { eventKind, optional, required } from '../event-kind.ts';
import { flag, integer, processes, seconds } from '../form.ts';
import { cause, death, drained, job, pid, problem, runId, signal } from '../members.ts';
import { counted, during, limitOf } from '../phrases.ts';

/** Shorter drains would read as `0s`. */
const shortestMs = 50;

const afterDrain = (length: Duration | undefined): string => {
  if (length === undefined) return '';
  return length < shortestMs ? ' at once' : ` after ${formatDuration(length)}`;
};

/** What processes are asked to do, and what is done to them. */
export const stopKinds = {
  draining: eventKind({
    summary: 'The process was asked to finish its job and exit.',
    members: {
      pid,
      signal,
      limit: optional(seconds, 'It is killed after this time. Missing: there is no limit.'),
      cause,
    },
    level: 'info',
    sentence: (event) =>
      `asked pid ${event.pid} to finish (SIG${event.signal}, ${limitOf(event.limit)}): ${event.cause}`,
  }),
  quieted: eventKind({
    summary: 'The process was asked to take no new jobs.',
    members: {
      pid,
      signal,
      stopsWhenIdle: required(flag, 'Whether it is asked to exit as soon as it is idle.'),
      cause,
    },
    level: 'info',
    sentence: (event) =>
      `asked pid ${event.pid} to take no new jobs (SIG${event.signal}): ${event.cause}`,
  }),
  resumed: eventKind({
    summary: 'The process was asked to take jobs again.',
    members: { pid, signal },
    level: 'info',
    sentence: (event) => `asked pid ${event.pid} to take jobs again (SIG${event.signal})`,
  }),
  retired: eventKind({
    summary: 'The draining process now finishes beside its replacement.',
    members: { pid },
    level: 'info',
    sentence: (event) => `pid ${event.pid} finishes beside its replacement`,
  }),
  exited: eventKind({
    summary: 'The process has ended after it was asked to stop; the journal has this as `died`.',
    members: {
      pid,
      death,
      drained,
      job,
      leftovers: optional(processes, 'The processes that it left behind in its session.'),
    },
    level: 'info',
    sentence: (event) => {
      const verb = event.death.kind === 'exited' ? 'exited as asked' : 'ended';
      const had = event.job === undefined ? '' : ` (${event.job})`;
      const left = event.leftovers ?? [];
      const behind = left.length === 0 ? '' : `; ${leftWords(event.pid, left)}`;
      return `pid ${event.pid} ${verb}${afterDrain(event.drained)}${had}: ${formatDeath(event.death)}${behind}`;
    },
    isAnswer: true,
  }),
  signal_failed: eventKind({
    summary: 'The process could not be sent a signal.',
    members: { pid, problem },
    level: 'error',
    sentence: (event) => `could not signal pid ${event.pid}: ${event.problem}`,
    isFailure: true,
  }),
  unresponsive: eventKind({
    summary: 'The process shows no sign of life and is about to be killed.',
    members: { pid, runId, job, cause },
    level: 'warning',
    sentence: (event) => `pid ${event.pid} does not respond${during(event.job)}: ${event.cause}`,
    audience: 'journal',
  }),
  dump_requested: eventKind({
    summary: 'The process shows no sign of life and was asked to dump what it is doing.',
    members: { pid, signal, cause },
    level: 'warning',
    sentence: (event) =>
      `asked pid ${event.pid} to dump what it is doing (SIG${event.signal}): ${event.cause}`,
  }),
  killed: eventKind({
    summary:
      'The process and its session were killed: its time limit was over, or it showed no sign of life.',
    members: {
      pid,
      processCount: required(integer, 'How many processes its session had.'),
      job,
      isWatchdog: optional(flag, 'Whether it was killed because it showed no sign of life.'),
      cause,
    },
    level: 'error',
    sentence: (event) =>
      `killed pid ${event.pid} and its session (${counted(event.processCount, 'process', 'processes')})${during(event.job)}: ${event.cause}`,
    mogilefs: (event, name) =>
      event.isWatchdog === true
        ? `Watchdog killing worker ${event.pid} (${name})${during(event.job)}: ${event.cause}`
        : undefined,
  }),
};
