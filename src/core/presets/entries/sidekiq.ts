import type { Preset } from '../preset.ts';

export const sidekiq: Preset = {
  title: 'Sidekiq',
  command: 'bundle exec sidekiq -e production --timeout 3600',
  programs: ['sidekiq'],
  ranWith: ['6.4.1'],
  source: 'https://github.com/sidekiq/sidekiq/wiki/Signals',
  keys: {
    stop: { signal: 'TERM', quiet: 'TSTP' },
    ready: { log: 'Running in ruby' },
    busy: { title: '\\[([1-9]\\d*) of \\d+ busy\\]' },
  },
  drains:
    'TSTP: it takes no new jobs, for good. TERM: it waits for its jobs up to its `--timeout` (25 s), then pushes them back and exits with 0.',
  lost: 'The jobs are gone. Sidekiq Pro’s super_fetch keeps them in a list of their own.',
  leftovers:
    'The jobs stand in the hash `*:PID:*:work` (6: `:workers`) in Redis until the entry of the process expires (60 s): the `lost` hook can push them back.',
  heartbeat:
    'The middleware `beat_sidekiq.rb` says which jobs; the title says only how many threads are busy.',
  refusesSession: 'programs that its jobs have started would get the signal, and drop the jobs',
  traps: [
    {
      says: 'it gives its jobs VALUE after TERM, then pushes them back, and they begin again from the start: set --timeout to more than the longest job takes',
      if: { kind: 'cuts_jobs', options: ['--timeout', '-t'], seconds: 25 },
      at: ['check', 'stop', 'doctor'],
    },
    {
      says: 'its title is up to 5 s old: a job that began or ended since does not show',
      if: { kind: 'busy_title' },
      at: ['check', 'stop', 'doctor'],
      isNote: true,
    },
    {
      says: 'TSTP cannot be undone: workerctl resume replaces the process',
      if: { kind: 'always' },
      at: ['check'],
    },
  ],
};
