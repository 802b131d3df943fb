import type { Preset } from '../preset.ts';

// lib/good_job/cli.rb: start.
export const goodJob: Preset = {
  title: 'GoodJob',
  command: 'bundle exec good_job start',
  programs: ['good_job'],
  ranWith: [],
  source: 'https://github.com/bensheldon/good_job#command-line-options',
  keys: { stop: { signal: 'TERM' }, ready: { after: '10s' } },
  drains:
    'TERM, INT: it takes no new jobs and waits for its jobs for `--shutdown-timeout` (-1: for ever), then exits.',
  lost: 'The advisory lock ends with the connection, so another process does the job again.',
  heartbeat: 'None is shipped: an `around_perform` of ActiveJob with `beat.rb`.',
  traps: [
    {
      says: 'it cuts jobs VALUE after TERM: leave --shutdown-timeout out, or set it to more than the longest job takes',
      if: { kind: 'cuts_jobs', options: ['--shutdown-timeout', '--shutdown_timeout'] },
      at: ['check', 'stop', 'doctor'],
    },
    {
      says: 'with --daemonize workerctl loses the process: leave it out',
      if: { kind: 'has_option', options: ['--daemonize'] },
      at: ['check', 'doctor'],
    },
  ],
};
