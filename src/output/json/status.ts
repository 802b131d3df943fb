import type { JournalEntry } from '../../core/events/journal.ts';
import { instanceStates } from '../../core/views/instance-state.ts';
import type { InstanceStatus } from '../../core/views/instance-status.ts';
import { statusCode, type Status } from '../../core/views/status.ts';
import type { Pin } from '../../core/model/desired.ts';
import { rolloutStates, type RolloutStatus } from '../../core/views/rollout-status.ts';
import { activity } from './activity.ts';
import { answer } from './answer.ts';
import {
  flag,
  integer,
  list,
  mapOf,
  moment,
  object,
  oneOf,
  optional,
  orNull,
  seconds,
  shape,
  text,
  texts,
  type Member,
} from './shape.ts';

const process = shape<{ readonly pid: number; readonly name: string }>('A process.', {
  pid: integer('Its pid.', 'pid'),
  name: text('The name of its program.', 'name'),
});

const instance = shape<InstanceStatus>(
  'One instance, or an old process that drains beside its replacement.',
  {
    instance: text('Its name: worker and identifier.', 'name'),
    worker: text('Its worker.', 'worker'),
    state: oneOf(...instanceStates)('What it is doing; see docs/architecture.md.', 'state'),
    pid: orNull(integer('The pid of its process.', 'pid')),
    uptime_seconds: orNull(seconds('How long the process has been running.', 'uptime')),
    release: orNull(text('The release that the process runs.', 'release')),
    outdated: orNull(
      flag(
        'It runs another release than a start would give it now, or a restart in progress will replace it. Null: not known, see not_run.',
        'isOutdated',
      ),
    ),
    activity: orNull(object(activity)('What the process says about its work.', 'activity')),
    usual_seconds: orNull(
      seconds(
        'How long the jobs of its worker usually take, if it has one; of one that drains and does not say what it does: its drains. Null: too few are known.',
        'usual',
      ),
    ),
    restarts: orNull(
      integer('How often it was restarted in the last 24 hours.', ({ restarts }) => restarts?.all),
    ),
    restarts_unexpected: orNull(
      integer(
        'How many of these because its process had ended without being asked.',
        ({ restarts }) => restarts?.unexpected,
      ),
    ),
    cpu_seconds: orNull(
      seconds(
        'CPU time of its process since its start, with that of its children which have ended.',
        'cpu',
      ),
    ),
    rss_bytes: orNull(integer('Memory of its process.', 'rss')),
    memory_bytes: orNull(
      integer(
        'Memory of the process and its session, if recycle.memory is set or one instance was asked for.',
        'memory',
      ),
    ),
    unit: orNull(
      text(
        'The systemd unit that its process lives in; only if one instance was asked for.',
        'unit',
      ),
    ),
    leftovers: list(process)(
      'Processes that its last dead process has left in its session.',
      ({ leftovers }) => leftovers?.processes ?? [],
    ),
    failures: integer(
      'How many of its processes in a row exited soon after their start.',
      ({ failures }) => failures ?? 0,
    ),
    start_problem: orNull(text('Why its last start failed, until it has started.', 'startProblem')),
    log_problem: orNull(
      text(
        'That its process writes to a log which was deleted, renamed or replaced; not looked for if more than 100 instances are shown.',
        'logProblem',
      ),
    ),
    starts_at: orNull(moment('In state backoff: when the next attempt is made.', 'startsAt')),
    detail: text('Further remarks; may be empty. For people, not for programs.', 'detail'),
  },
);

const count = shape<Status['counts'][number]>('A count that was set with want.', {
  worker: text('The worker.', 'worker'),
  count: integer('How many instances are wanted.', 'count'),
  configured: integer('How many the configuration wants.', 'configured'),
  by: text('The user who set it, as user@host.', 'by'),
  at: moment('When.', 'at'),
});

const pin = shape<Pin & { readonly worker: string }>('A worker that was rolled back.', {
  worker: text('The worker.', 'worker'),
  directory: text('Where it is started.', 'directory'),
  release: orNull(text('The release there.', 'release')),
  at: moment('Since when.', 'at'),
});

/** Of a restart, in `status` and `rollout`. */
export const rolloutMembers: Readonly<Record<string, Member<RolloutStatus>>> = {
  id: text('Its id.', 'id'),
  at: moment('When it was requested.', 'at'),
  by: text('The user who requested it, as user@host.', 'by'),
  replaced: integer('Instances that are replaced and ready.', ({ counts }) => counts.replaced),
  under_way: integer(
    'Instances that are draining, down or starting.',
    ({ counts }) => counts.under_way,
  ),
  waiting: integer('Instances that have not been asked yet.', ({ counts }) => counts.waiting),
  failed: integer('Instances whose replacement failed.', ({ counts }) => counts.failed),
  change: text('From which release to which; empty if unknown. For people.', 'change'),
  state: oneOf(...rolloutStates)(
    'running; paused, aborted or cancelled: it asks no further instance, but replaces those that were asked.',
    'state',
  ),
  aborted: orNull(text('Why it was aborted.', 'aborted')),
  paused_by: orNull(text('The user who has paused it, as user@host.', ({ paused }) => paused?.by)),
  paused_until: orNull(moment('When it continues by itself.', ({ paused }) => paused?.until)),
  cancelled_by: orNull(
    text('The user who has cancelled it, as user@host.', ({ cancelled }) => cancelled?.by),
  ),
  unknown_workers: texts('Workers in it that the configuration does not have.', 'unknownWorkers'),
};

const rollout = shape<RolloutStatus>('A restart that is not over.', rolloutMembers);

/** `status --json`; `events` only of a single instance. */
export const statusAnswer = answer<Status & { readonly events?: readonly JournalEntry[] }>(
  'The state of all instances.',
  {
    ok: flag(
      'Every wanted instance is ready, quiet or done: exit code 0.',
      (status) => statusCode(status) === 'done',
    ),
    wanted_is_known: flag(
      'Stops, holds, counts and restarts are known. If not, the rest is as if there were none.',
      ({ stateProblem }) => stateProblem?.isUnknown !== true,
    ),
    state_problem: orNull(
      text('What is wrong with state.json.', ({ stateProblem }) => stateProblem?.problem),
    ),
    wanted: integer(
      'Instances that should run; those stopped on purpose are not included.',
      'wanted',
    ),
    up: integer('Instances that have a process, wanted or not.', 'up'),
    ready: integer('Wanted instances that are ready.', 'ready'),
    quiet: integer('Wanted instances that are ready and take no new jobs on purpose.', 'quiet'),
    done: integer(
      'Wanted instances that have ended successfully and are not started again (on_exit).',
      'done',
    ),
    instances: list(instance)(
      'All instances, those of the configuration first; with --state only those in these states, with --sort in that order.',
      'instances',
    ),
    counts: list(count)('Counts that were set with want.', 'counts'),
    releases: mapOf({ type: 'string' })(
      'The release that a start would give each worker now, if known.',
      'releases',
    ),
    pins: list(pin)(
      'Workers that are started in an old directory because a restart failed.',
      ({ pins }) => Object.entries(pins).map(([worker, one]) => ({ worker, ...one })),
    ),
    rollouts: list(rollout)('Restarts that are not over.', 'rollouts'),
    not_run: texts(
      'Keys of the configuration whose programs were not run, because the configuration is not trusted.',
      ({ unrun }) => unrun?.keys ?? [],
    ),
    distrust: orNull(
      text(
        'If not_run is not empty: who else can write the configuration.',
        ({ unrun }) => unrun?.distrust,
      ),
    ),
    events: optional(
      list<JournalEntry>({ type: 'object' })(
        'Of a single instance: its latest events, as in the journal.',
        'events',
      ),
    ),
  },
);
