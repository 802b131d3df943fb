import { integer, moment, oneOf, text } from '../../basics/json-form.ts';
import { formatDayAndTime } from '../../basics/time.ts';
import { rolloutEnds, type RolloutEnd } from '../../model/desired.ts';
import { eventKind, optional, required } from '../event-kind.ts';
import { problem, release, requestedBy } from '../members.ts';
import { counted, onRelease, until } from '../phrases.ts';

/** How a restart ended, after its name. */
const ends: Readonly<Record<RolloutEnd | 'aborted', string>> = {
  done: 'finished',
  aborted: 'aborted',
  cancelled: 'was cancelled',
  stopped: 'ended, as its instances were stopped',
  rolled_back: 'is over: rolled back',
  taken_over: 'was taken over',
  recovered: 'was aborted, but all its instances are ready now',
};

/** Ends after which no instance need run the release. */
const mayRunNothing: ReadonlySet<string> = new Set(['cancelled', 'stopped', 'taken_over']);

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
      const why = event.problem === '' ? '' : `: ${event.problem}`;
      return `restart aborted${why}${pending === 0 ? '' : `; ${others} running the old release`}`;
    },
    isFailure: true,
  }),
  rollout_superseded: eventKind({
    summary: 'A later restart has replaced this one.',
    members: { requestedBy, requestedAt: required(moment, 'When the later restart began.') },
    sentence: (event) =>
      `superseded by the restart of ${formatDayAndTime(event.requestedAt, event.at)} by ${event.requestedBy}`,
    level: 'warning',
  }),
  worker_unknown: eventKind({
    summary:
      'The config does not have the worker any more: its restart goes on when it is back. `instance` is the worker.',
    members: {},
    sentence: () =>
      'the config does not have this worker any more; its restart goes on when it is back; to end it: workerctl rollout cancel',
    isFailure: true,
  }),
  rollout_pinned: eventKind({
    summary:
      'The restart has failed: until the next one the worker is started in the directory that it ran in before (`restart.on_failure`). `instance` is the worker.',
    members: { directory: required(text, 'That directory.'), release },
    level: 'warning',
    sentence: (event) =>
      `rolled back: pinned to ${event.release ?? event.directory} (${event.directory}) until the next restart`,
  }),
  rollout_paused: eventKind({
    summary: 'The restart was paused: it asks no further instance. `instance` is the worker.',
    members: { requestedBy, until: optional(moment, 'When it continues by itself, if it does.') },
    sentence: (event) =>
      `restart by ${event.requestedBy} paused${until(event.until, event.at)}; instances that were asked to stop are still replaced`,
  }),
  rollout_continued: eventKind({
    summary: 'The restart was continued after a pause. `instance` is the worker.',
    members: { requestedBy },
    sentence: (event) => `restart by ${event.requestedBy} continues`,
  }),
  rollout_cancelled: eventKind({
    summary:
      'The restart was cancelled: instances that were not asked keep their code. `instance` is the worker.',
    members: {
      requestedBy,
      pendingCount: required(integer, 'How many instances keep their code.'),
      underWayCount: required(integer, 'How many were asked to stop and are still replaced.'),
    },
    sentence: ({ requestedBy: by, pendingCount, underWayCount }) => {
      const kept = counted(pendingCount, 'instance keeps', 'instances keep');
      const asked = counted(underWayCount, 'is', 'are');
      const rest = underWayCount === 0 ? '' : `; ${asked} under way and still replaced`;
      return `restart by ${by} cancelled; ${kept} running the old release${rest}`;
    },
  }),
  rollout_finished: eventKind({
    summary: 'The restart of a worker is over, or was aborted. `instance` is the worker.',
    members: {
      requestedBy,
      how: required(
        oneOf<RolloutEnd | 'aborted'>('aborted', ...rolloutEnds),
        '`done`; `aborted`; `cancelled`; `stopped`: all its instances were stopped; `taken_over`: by a later restart; of an aborted one `rolled_back`: the old release is the current one again, or `recovered`: all its instances became ready after all.',
      ),
      endedBy: optional(text, 'The user who has cancelled it, as user@host.'),
      instanceCount: required(integer, 'How many instances it was for.'),
      release,
      problem: optional(text, 'Why it was aborted.'),
    },
    level: (event) => (event.how === 'aborted' ? 'error' : 'info'),
    sentence: (event) => {
      const why = event.problem === undefined ? '' : `: ${event.problem}`;
      const by = event.endedBy === undefined ? '' : ` by ${event.endedBy}`;
      const release = mayRunNothing.has(event.how) ? '' : onRelease(event.release);
      return `restart by ${event.requestedBy} ${ends[event.how]}${by}${release}${why}`;
    },
    audience: 'journal',
  }),
};
