import { integer, moment, seconds, text } from '../../basics/json-form.ts';
import { formatDayAndTime } from '../../basics/time.ts';
import { eventKind, optional, required } from '../event-kind.ts';
import { lines } from '../form.ts';
import { cause, logError, pid, problem, release } from '../members.ts';
import { inBrackets, ofError, onRelease } from '../phrases.ts';

/** How an instance comes up, or does not. */
export const startKinds = {
  adopted: eventKind({
    summary: 'A process that no record claimed was found running and was taken over.',
    members: { pid, cause },
    sentence: (event) => `adopted pid ${event.pid}: ${event.cause}`,
  }),
  pidfile_written: eventKind({
    summary: 'The pidfile was missing or wrong and was rewritten.',
    members: { pid, cause },
    sentence: (event) => `pidfile rewritten for pid ${event.pid}: ${event.cause}`,
  }),
  pidfile_removed: eventKind({
    summary: 'The pidfile named a process that is gone, or none, and was removed.',
    members: { cause },
    sentence: (event) => `pidfile removed: ${event.cause}`,
  }),
  started: eventKind({
    summary: 'A new process was started.',
    members: { pid, cause },
    sentence: (event) => `started pid ${event.pid}${inBrackets(event.cause)}`,
  }),
  launching: eventKind({
    summary:
      'The command of a program that forks away was started; `started` follows when its pidfile names the process.',
    members: { pid, cause },
    sentence: (event) =>
      `started the command, which forks away, as pid ${event.pid} (${event.cause})`,
  }),
  ready: eventKind({
    summary: 'The process became ready while a command waited for that.',
    members: { pid, release },
    sentence: (event) => `pid ${event.pid} is ready${onRelease(event.release)}`,
    audience: 'journal',
  }),
  start_failed: eventKind({
    summary:
      'The instance could not be started, or its process ended before it was ready. `bootcheck` and `watch` write it once to the journal if the next attempts fail for the same reason.',
    members: {
      problem,
      logFile: optional(text, 'The path of its log, if it got as far as having a process.'),
      log: required(lines, 'The last lines that the process wrote to its log.'),
      logError,
      logger: optional(
        text,
        'The logger that its output went to; `log` then has what the logger itself wrote.',
      ),
    },
    sentence: (event) => `start failed: ${event.problem}${ofError(event.logError)}`,
    isFailure: true,
  }),
  backoff: eventKind({
    summary:
      'The instance stays down for a while because its processes keep ending soon after their start, or because it could not be started at all, twice or more for the same reason (then only the first such pause is reported).',
    members: {
      failures: required(
        integer,
        'How many processes, or attempts to start one, have failed in a row.',
      ),
      delay: required(seconds, 'How long the instance stays down, counted from the last failure.'),
      startsAt: required(moment, 'When it is started again.'),
      problem,
    },
    level: 'warning',
    sentence: ({ at, instance, startsAt, problem: why }) =>
      `next start at ${formatDayAndTime(startsAt, at)}${inBrackets(why)}; to start it now: workerctl start ${instance}`,
  }),
  missing: eventKind({
    summary: '`watch` starts the instances that a worker lacks; `instance` is the worker.',
    members: {
      running: required(integer, 'How many run.'),
      wanted: required(integer, 'How many are wanted.'),
      starting: required(integer, 'How many are started now.'),
    },
    sentence: ({ running, wanted, starting }) =>
      `${running} of ${wanted} running; starting ${starting}`,
    mogilefs: ({ running, wanted, starting }, name) =>
      `Job ${name} has only ${running}, wants ${wanted}, making ${starting}.`,
  }),
};
