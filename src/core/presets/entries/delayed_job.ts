import type { Preset } from '../preset.ts';

// Without a terminal its logger writes to log/delayed_job.log only, so that no line shows that it is ready.
export const delayedJob: Preset = {
  title: 'delayed_job',
  command: 'bin/delayed_job run --identifier=%i',
  programs: ['delayed_job', 'jobs:work'],
  ranWith: ['4.1.9'],
  source: 'https://github.com/collectiveidea/delayed_job',
  keys: { stop: { signal: 'TERM' }, ready: { after: '5s' } },
  drains:
    'TERM and INT: it finishes its job and exits. An idle one notices after up to `sleep_delay` (5 s).',
  lost: 'Its row stays locked (`locked_by`, `locked_at`) for up to `max_run_time` (4 h), without `last_error`.',
  leftovers:
    "Unlock the row: `UPDATE delayed_jobs SET locked_by = NULL, locked_at = NULL WHERE locked_by LIKE '%delayed_job.1 host:% pid:PID'`.",
  heartbeat: 'The plugin `beat_delayed_job.rb`.',
  traps: [
    {
      says: 'without --identifier all instances have the name delayed_job, and a lock does not say whose it is: add --identifier=%i',
      if: { kind: 'lacks_option', options: ['--identifier', '-i'] },
      at: ['check', 'doctor'],
    },
    {
      says: 'with --number-of-workers the command starts workers that workerctl does not know: set count instead',
      if: { kind: 'has_option', options: ['--number-of-workers', '--number_of_workers', '-n'] },
      at: ['check', 'doctor'],
    },
    {
      says: 'its own restart and stop kill a busy worker after 20 s: use workerctl for both, and no bin/delayed_job beside it',
      if: { kind: 'always' },
      at: ['check'],
    },
    {
      says: 'the lock of a killed job lasts for up to 4 h (max_run_time): the lost hook can free it (docs/frameworks/delayed_job.md)',
      if: { kind: 'no_lost_hook' },
      at: ['check', 'doctor'],
    },
  ],
};
