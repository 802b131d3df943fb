import type { Preset } from '../preset.ts';

export const laravel: Preset = {
  title: 'Laravel queue:work',
  command: 'php artisan queue:work --timeout=3600',
  programs: ['queue:work'],
  ranWith: ['8.83.26'],
  source: 'https://laravel.com/docs/queues#running-the-queue-worker',
  keys: { stop: { signal: 'TERM', quiet: 'USR2', resume: 'CONT' }, ready: { after: '5s' } },
  drains:
    'TERM: it finishes its job and exits. USR2 pauses, CONT continues. All three need ext-pcntl. An idle one notices after up to `--sleep` (3 s).',
  lost: 'The job stays reserved and is done again after `retry_after` (90 s) of its connection.',
  heartbeat: '`HeartbeatServiceProvider.php`, by the events of the queue.',
  traps: [
    {
      says: 'it kills itself after VALUE in one job, also while it drains: set --timeout to more than the longest job takes',
      if: { kind: 'cuts_jobs', options: ['--timeout'], seconds: 60 },
      at: ['check', 'stop', 'doctor'],
    },
    {
      says: 'a job that takes longer than retry_after (90 s) of its connection is given to a second worker while the first still does it: set retry_after to more than --timeout',
      if: { kind: 'always' },
      at: ['check', 'doctor'],
    },
    {
      says: 'php artisan queue:restart ends all workers of all hosts through the cache: use workerctl restart instead',
      if: { kind: 'always' },
      at: ['check'],
    },
  ],
};
