import { formatSize } from '../../basics/bytes.ts';
import { flag, integer, seconds, text } from '../../basics/json-form.ts';
import type { QuietSignal } from '../../model/config.ts';
import * as form from '../form.ts';
import { formatDuration } from '../../basics/time.ts';
import { eventKind, optional, required } from '../event-kind.ts';
import { bytes } from '../form.ts';
import { cause, heldJobs, pid, problem, runId, signal } from '../members.ts';
import { counted, during, limitOf } from '../phrases.ts';

const signalSent = optional(form.signal, 'The signal that it was sent. Missing: none.');
const programRun = optional(text, 'The program that was run for that. Missing: none.');

interface Asked {
  readonly signal?: QuietSignal;
  readonly program?: string;
}

const means = ({ signal: sent, program }: Asked): string | undefined =>
  sent === undefined ? program && `by ${program}` : `SIG${sent}`;

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
    sentence: (event) =>
      `asked pid ${event.pid} to finish (SIG${event.signal}, ${limitOf(event.limit)}): ${event.cause}`,
  }),
  quieted: eventKind({
    summary:
      'The process was asked to take no new jobs: by a signal or by a command; without both, it takes none already.',
    members: {
      pid,
      signal: signalSent,
      program: programRun,
      stopsWhenIdle: required(flag, 'Whether it is asked to exit as soon as it is idle.'),
      cause,
    },
    sentence: (event) => {
      const how = means(event);
      if (how !== undefined)
        return `asked pid ${event.pid} to take no new jobs (${how}): ${event.cause}`;
      return event.stopsWhenIdle
        ? `pid ${event.pid} takes no new jobs, and exits when it is idle: ${event.cause}`
        : `pid ${event.pid} takes no new jobs, and keeps running: ${event.cause}`;
    },
  }),
  not_quieted: eventKind({
    summary:
      'The command of `stop.quiet` has failed for a process that is to exit. It is asked to exit when its job has ended.',
    members: { pid, problem },
    level: 'warning',
    sentence: (event) =>
      `pid ${event.pid} may take new jobs, because stop.quiet failed: ${event.problem}; it is asked to exit when its job has ended`,
  }),
  quiet_failed: eventKind({
    summary: 'The command of `stop.quiet` has failed. The process keeps running and may take jobs.',
    members: { pid, problem },
    sentence: (event) =>
      `pid ${event.pid} may take new jobs, because stop.quiet failed: ${event.problem}`,
    isFailure: true,
  }),
  resumed: eventKind({
    summary: 'The process was asked to take jobs again: by a signal or by a command.',
    members: { pid, signal: signalSent, program: programRun },
    sentence: (event) =>
      `asked pid ${event.pid} to take jobs again (${means(event) ?? 'by nothing'})`,
  }),
  resume_failed: eventKind({
    summary: 'The command of `stop.resume` has failed. The process is replaced.',
    members: { pid, problem },
    sentence: (event) =>
      `pid ${event.pid} takes no jobs, because stop.resume failed: ${event.problem}; it is replaced when it is idle`,
    isFailure: true,
  }),
  retired: eventKind({
    summary: 'The draining process now finishes beside its replacement.',
    members: { pid },
    sentence: (event) => `pid ${event.pid} finishes beside its replacement`,
  }),
  signal_sent: eventKind({
    summary: 'The process was sent a signal by `workerctl signal`.',
    members: { pid, signal: required(form.anySignalName, 'The signal.') },
    sentence: (event) => `sent SIG${event.signal} to pid ${event.pid}`,
  }),
  signal_failed: eventKind({
    summary: 'The process could not be sent a signal.',
    members: { pid, problem },
    sentence: (event) => `could not signal pid ${event.pid}: ${event.problem}`,
    isFailure: true,
  }),
  unresponsive: eventKind({
    summary: 'The process shows no sign of life and is about to be killed.',
    members: { pid, runId, ...heldJobs, cause },
    level: 'warning',
    sentence: (event) => `pid ${event.pid} does not respond${during(event)}: ${event.cause}`,
    audience: 'journal',
  }),
  drain_long: eventKind({
    summary:
      'The process was asked to exit and has been draining for as long as `hooks.drain_long.after` says. Reported once for a process.',
    members: {
      pid,
      runId,
      drained: required(seconds, 'How long it has been draining.'),
      limit: optional(seconds, 'It is killed after this time. Missing: there is no limit.'),
      ...heldJobs,
      cause,
    },
    level: 'warning',
    sentence: (event) =>
      `pid ${event.pid} has been draining for ${formatDuration(event.drained)}${during(event)} (${limitOf(event.limit)}): ${event.cause}`,
    audience: 'journal',
  }),
  recycling_futile: eventKind({
    summary:
      'The instance was recycled for its memory soon after its start, again and again: `recycle.memory` is below what it needs. Reported once for a worker.',
    members: {
      count: required(integer, 'How many of its processes in a row were recycled like that.'),
      limit: required(bytes, '`recycle.memory`.'),
      memory: required(bytes, 'How much memory the last one had.'),
      age: required(seconds, 'How long that one had been running.'),
    },
    level: 'warning',
    sentence: ({ count, limit, memory, age }) =>
      `recycle.memory (${formatSize(limit)}) is below what it needs: it had ${formatSize(memory)} ${formatDuration(age)} after its start, ${count} times in a row; raise the limit. Until then it is recycled less and less often`,
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
      ...heldJobs,
      isWatchdog: optional(flag, 'Whether it was killed because it showed no sign of life.'),
      cause,
    },
    level: 'error',
    sentence: (event) =>
      `killed pid ${event.pid} and its session (${counted(event.processCount, 'process', 'processes')})${during(event)}: ${event.cause}`,
    mogilefs: (event, name) =>
      event.isWatchdog === true
        ? `Watchdog killing worker ${event.pid} (${name})${during(event)}: ${event.cause}`
        : undefined,
  }),
};
