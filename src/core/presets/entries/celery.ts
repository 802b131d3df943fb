import type { Preset } from '../preset.ts';

export const celery: Preset = {
  title: 'Celery',
  command: 'celery -A app worker -c 1 -n %n@%%h -l INFO',
  programs: ['celery worker'],
  ranWith: ['5.2.6'],
  source: 'https://docs.celeryq.dev/en/stable/userguide/workers.html#stopping-the-worker',
  keys: { stop: { signal: 'TERM' }, ready: { log: ' ready\\.$' } },
  drains: 'TERM: warm shutdown. It finishes its tasks and exits; an idle one after about 2 s.',
  lost: 'With early acknowledgement (the default) the task is gone. With `acks_late` it is redelivered: at once by RabbitMQ, after `visibility_timeout` (1 h) by Redis.',
  leftovers: 'Nothing to free; the `lost` hook can send the task again.',
  heartbeat: '`beat_celery.py`, by the signals `worker_ready`, `task_prerun` and `task_postrun`.',
  refusesSession: 'its pool processes die of TERM, with their tasks',
  traps: [
    {
      says: 'a second TERM loses the running task, with exit status 0: send none by hand',
      if: { kind: 'always' },
      at: ['check', 'stop'],
    },
    {
      says: 'a TERM can lose the task that an idle worker is just fetching from Redis: set stop.quiet to a command that runs control cancel_consumer (docs/frameworks/celery.md)',
      if: { kind: 'no_quiet' },
      at: ['check', 'doctor'],
    },
    {
      says: 'without -n all instances of a host have the same node name, and commands reach the wrong one: add -n %n@%%h',
      if: { kind: 'lacks_option', options: ['-n', '--hostname'] },
      at: ['check', 'doctor'],
    },
    {
      says: 'with -D or --detach the command ends at once and workerctl loses the worker: leave it out',
      if: { kind: 'has_option', options: ['-D', '--detach'] },
      at: ['check', 'doctor'],
    },
    {
      says: 'it is up after 1.6 to 2.6 s: with a shorter ready.after a release that cannot start passes',
      if: { kind: 'ready_after_less', seconds: 5 },
      at: ['check', 'doctor'],
    },
  ],
};
