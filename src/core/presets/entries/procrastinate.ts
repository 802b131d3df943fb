import type { Preset } from '../preset.ts';

// procrastinate/worker.py: stop(), shutdown_graceful_timeout, stalled_worker_timeout.
export const procrastinate: Preset = {
  title: 'Procrastinate',
  command: 'procrastinate --app=app.app worker --name %n',
  programs: ['procrastinate worker'],
  ranWith: [],
  source: 'https://procrastinate.readthedocs.io/en/stable/howto/basics/worker.html',
  keys: { stop: { signal: 'TERM' }, ready: { after: '5s' } },
  drains:
    'TERM, INT: it takes no new jobs and waits for those that run; without `--shutdown-graceful-timeout` without a limit.',
  lost: 'The job stays `doing`. `app.job_manager.get_stalled_jobs()` finds it after 30 s without a heartbeat.',
  leftovers: 'Retry stalled jobs: `retry_job` for each of `get_stalled_jobs()`.',
  heartbeat: 'None is shipped: a middleware with `beat.py`.',
  traps: [
    {
      says: 'a second TERM ends it at once, with its jobs: send none by hand',
      if: { kind: 'always' },
      at: ['check', 'stop'],
    },
    {
      says: 'it aborts jobs VALUE after TERM: leave --shutdown-graceful-timeout out, or set it to more than the longest job takes',
      if: { kind: 'cuts_jobs', options: ['--shutdown-graceful-timeout'] },
      at: ['check', 'stop', 'doctor'],
    },
  ],
};
