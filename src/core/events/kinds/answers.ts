import { formatDuration } from '../../basics/time.ts';
import { eventKind, optional, required } from '../event-kind.ts';
import { moment, seconds, text } from '../form.ts';
import { pid, requestedBy } from '../members.ts';
import { until } from '../phrases.ts';

/** Answers to a command that had nothing to do, or was refused. */
export const answerKinds = {
  already_running: eventKind({
    summary: 'The instance runs already.',
    members: { pid },
    level: 'info',
    sentence: (event) => `already running: pid ${event.pid}`,
    isAnswer: true,
  }),
  already_stopped: eventKind({
    summary: 'The instance is stopped already.',
    members: {},
    level: 'info',
    sentence: () => 'already stopped',
    isAnswer: true,
  }),
  already_quiet: eventKind({
    summary: 'The instance takes no new jobs already.',
    members: {},
    level: 'info',
    sentence: () => 'already quiet',
    isAnswer: true,
  }),
  not_quiet: eventKind({
    summary: 'The instance was not quiet.',
    members: {},
    level: 'info',
    sentence: () => 'was not quiet',
    isAnswer: true,
  }),
  not_running: eventKind({
    summary: 'The instance does not run.',
    members: {},
    level: 'info',
    sentence: () => 'not running',
    isAnswer: true,
  }),
  up_to_date: eventKind({
    summary: 'A restart has skipped the instance: it runs the wanted release already.',
    members: { release: required(text, 'The release that it runs.') },
    level: 'info',
    sentence: (event) => `skipped: already runs release ${event.release}`,
    isAnswer: true,
  }),
  skipped_stopped: eventKind({
    summary: 'A restart has skipped the instance: it is stopped on purpose.',
    members: { requestedBy },
    level: 'info',
    sentence: (event) =>
      `skipped: stopped by ${event.requestedBy}; to start it: workerctl start ${event.instance}`,
    isAnswer: true,
  }),
  skipped_held: eventKind({
    summary: 'The command has skipped the instance: it is held.',
    members: {
      requestedBy,
      until: optional(moment, 'When the hold ends. Missing: it does not end by itself.'),
    },
    level: 'info',
    sentence: (event) =>
      `skipped: held by ${event.requestedBy}${until(event.until, event.at)}; to end that: workerctl unhold ${event.instance}`,
    isAnswer: true,
  }),
  skipped_surplus: eventKind({
    summary: 'The command has skipped the instance: it is no longer wanted.',
    members: {},
    level: 'info',
    sentence: () => 'skipped: no longer wanted',
    isAnswer: true,
  }),
  start_refused: eventKind({
    summary: 'The start was refused: the old process still drains.',
    members: { pid, draining: required(seconds, 'How long it has been draining.') },
    level: 'error',
    sentence: (event) =>
      `still draining: pid ${event.pid}, for ${formatDuration(event.draining)}; once it has exited, the next bootcheck starts the instance`,
    isFailure: true,
    isAnswer: true,
  }),
  started_again: eventKind({
    summary: 'The stop has failed: another command has started the instance again.',
    members: {},
    level: 'error',
    sentence: () => 'not stopped: another command has started it again',
    isFailure: true,
    isAnswer: true,
  }),
};
