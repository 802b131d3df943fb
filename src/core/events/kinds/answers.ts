import { moment, seconds, text } from '../../basics/json-form.ts';
import { formatDuration } from '../../basics/time.ts';
import { leftWords } from '../../model/leftovers.ts';
import { formatDeath, formatEnd, wasKilled } from '../../model/record.ts';
import { eventKind, fixed, optional, required } from '../event-kind.ts';
import { processes } from '../form.ts';
import { death, drained, heldJobs, pid, release, requestedBy } from '../members.ts';
import { afterDrain, jobWords, until } from '../phrases.ts';

/** Answers to a command, which the journal does not have. */
export const answerKinds = {
  already_running: eventKind({
    summary: 'The instance runs already.',
    members: { pid },
    sentence: (event) => `already running: pid ${event.pid}`,
  }),
  already_stopped: fixed('The instance is stopped already.', 'already stopped'),
  already_quiet: fixed('The instance takes no new jobs already.', 'already quiet'),
  trap: eventKind({
    summary: 'Something to mind while instances of the worker drain. `instance` is the worker.',
    members: {
      preset: required(text, 'The preset of the worker.'),
      trap: required(text, 'What to mind, in a sentence.'),
    },
    level: 'warning',
    sentence: (event) => `${event.preset}: ${event.trap}`,
  }),
  replaced_to_resume: fixed(
    'The quiet instance has no `stop.resume`: it is replaced so that it takes jobs again.',
    'has no stop.resume: replaced so that it takes jobs again, one instance of a worker after the other',
  ),
  not_quiet: fixed('The instance was not quiet.', 'was not quiet'),
  not_paused: eventKind({
    summary: 'The restart was not paused. `instance` is the worker.',
    members: { requestedBy },
    sentence: (event) => `restart by ${event.requestedBy} was not paused`,
  }),
  not_running: fixed('The instance does not run.', 'not running'),
  up_to_date: eventKind({
    summary: 'A restart has skipped the instance: it runs the wanted release already.',
    members: { release: required(text, 'The release that it runs.') },
    sentence: (event) => `skipped: already runs release ${event.release}`,
  }),
  skipped_stopped: eventKind({
    summary: 'A restart has skipped the instance: it is stopped on purpose.',
    members: { requestedBy },
    sentence: (event) =>
      `skipped: stopped by ${event.requestedBy}; to start it: workerctl start ${event.instance}`,
  }),
  skipped_held: eventKind({
    summary: 'The command has skipped the instance: it is held.',
    members: {
      requestedBy,
      until: optional(moment, 'When the hold ends. Missing: it does not end by itself.'),
      release,
    },
    sentence: (event) =>
      `skipped: held by ${event.requestedBy}${until(event.until, event.at)}; to end that: workerctl unhold ${event.instance}`,
  }),
  skipped_done: fixed(
    'A restart without targets has skipped the instance: it is done, or has failed and is not started again (`on_exit`).',
    'skipped: it is done; workerctl start or restart with its name runs it again',
  ),
  skipped_surplus: fixed(
    'The command has skipped the instance: it is no longer wanted.',
    'skipped: no longer wanted',
  ),
  start_refused: eventKind({
    summary:
      'The instance cannot be started yet: the old process still drains. The next bootcheck, or watch, starts it once that has exited.',
    members: {
      pid,
      draining: required(seconds, 'How long it has been draining.'),
      stoppedBy: optional(text, 'The user whose stop this command has cancelled.'),
    },
    sentence: (event) => {
      const stop =
        event.stoppedBy === undefined ? '' : `the stop by ${event.stoppedBy} is cancelled; `;
      return `still draining: pid ${event.pid}, for ${formatDuration(event.draining)}; ${stop}once it has exited, the next bootcheck or a running watch starts the instance`;
    },
    isFailure: true,
  }),
  started_again: eventKind({
    summary: 'The stop has failed: another command has started the instance again.',
    members: {},
    sentence: () => 'not stopped: another command has started it again',
    isFailure: true,
  }),
  finished: eventKind({
    summary:
      'The process has ended successfully and is not started again (`on_exit`); the journal has this as `died`.',
    members: { pid, death },
    sentence: (event) => `pid ${event.pid} ${formatEnd(event.death, 'done')}`,
  }),
  exited: eventKind({
    summary: 'The process has ended after it was asked to stop; the journal has this as `died`.',
    members: {
      pid,
      death,
      drained,
      ...heldJobs,
      jobTime: optional(
        seconds,
        'How long the oldest of its jobs took from its beginning to the exit, if that is known.',
      ),
      leftovers: optional(processes, 'The processes that it left behind in its session.'),
    },
    sentence: (event) => {
      const words = jobWords(event);
      const had = words === undefined ? '' : ` (${words})`;
      const left = event.leftovers ?? [];
      const behind = left.length === 0 ? '' : `; ${leftWords(event.pid, left)}`;
      const when = `${afterDrain(event.drained)}${had}`;
      const end =
        event.death.kind === 'exited' || wasKilled(event.death)
          ? formatEnd(event.death, 'requested', when)
          : `ended${when}: ${formatDeath(event.death)}`;
      return `pid ${event.pid} ${end}${behind}`;
    },
  }),
};
