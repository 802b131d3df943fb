import { integer, moment, text } from '../../basics/json-form.ts';
import { formatDayAndTime } from '../../basics/time.ts';
import { eventKind, optional, required } from '../event-kind.ts';
import { problem, release, requestedBy } from '../members.ts';
import { counted, onRelease } from '../phrases.ts';

/** How a restart proceeds, and how it ends. */
export const rolloutKinds = {
  rollout_continues: eventKind({
    summary: 'The first replacement of a worker is ready: the restart continues with the others.',
    members: { release },
    sentence: (event) => `ready${onRelease(event.release)}; continuing with the others`,
  }),
  rollout_aborted: eventKind({
    summary: 'The replacement failed: the restart ends, and the other instances keep running.',
    members: {
      problem,
      pendingCount: required(integer, 'How many instances keep running the old release.'),
    },
    sentence: (event) => {
      const pending = event.pendingCount;
      const others = counted(pending, 'instance keeps', 'instances keep');
      return `restart aborted: ${event.problem}${pending === 0 ? '' : `; ${others} running the old release`}`;
    },
    isFailure: true,
  }),
  rollout_superseded: eventKind({
    summary: 'A later restart has replaced this one.',
    members: { requestedBy, requestedAt: required(moment, 'When the later restart began.') },
    sentence: (event) =>
      `superseded by the restart of ${formatDayAndTime(event.requestedAt, event.at)} by ${event.requestedBy}`,
    isFailure: 'ended',
  }),
  rollout_finished: eventKind({
    summary:
      'The restart of a worker is over; if there is a `problem`, it was aborted. `instance` is the worker.',
    members: {
      requestedBy,
      instanceCount: required(integer, 'How many instances it was for.'),
      release,
      problem: optional(text, 'Why it was aborted.'),
    },
    level: (event) => (event.problem === undefined ? 'info' : 'error'),
    sentence: (event) => {
      const how = event.problem === undefined ? 'finished' : 'aborted';
      const why = event.problem === undefined ? '' : `: ${event.problem}`;
      return `restart by ${event.requestedBy} ${how}${onRelease(event.release)}${why}`;
    },
    audience: 'journal',
  }),
};
