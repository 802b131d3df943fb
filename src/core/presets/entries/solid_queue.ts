import type { Preset } from '../preset.ts';

export const solidQueue: Preset = {
  title: 'Solid Queue',
  command: 'bin/jobs',
  programs: ['bin/jobs', 'solid_queue:start'],
  ranWith: [],
  source: 'https://github.com/rails/solid_queue#threads-processes-and-signals',
  keys: { stop: { signal: 'TERM' }, ready: { after: '10s' } },
  drains:
    'TERM, INT: its processes finish their jobs for up to `SolidQueue.shutdown_timeout` (5 s), then they get QUIT, and their jobs go back to the queue.',
  lost: 'Jobs of a killed process are marked as failed (`ProcessExitError`, or `ProcessPrunedError` after 5 min).',
  leftovers: 'Failed jobs can be retried: `SolidQueue::FailedExecution#retry`.',
  heartbeat:
    'None is shipped: an `around_perform` of ActiveJob with `beat.rb`; its processes count into one set.',
  refusesSession: 'the supervisor tells its processes itself when to finish',
  traps: [
    {
      says: 'it cuts jobs shutdown_timeout (5 s) after TERM, whatever stop.timeout is: set config.solid_queue.shutdown_timeout to more than the longest job takes',
      if: { kind: 'always' },
      at: ['check', 'stop', 'doctor'],
    },
    {
      says: 'QUIT ends all jobs at once: leave stop.signal at TERM',
      if: { kind: 'other_signal', signal: 'TERM' },
      at: ['check', 'stop', 'doctor'],
    },
  ],
};
