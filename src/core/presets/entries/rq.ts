import type { Preset } from '../preset.ts';

export const rq: Preset = {
  title: 'RQ',
  command: 'rq worker -c settings default',
  programs: ['rq worker', 'rqworker'],
  ranWith: ['1.13'],
  source: 'https://python-rq.org/docs/workers/',
  keys: {
    stop: { signal: 'TERM' },
    ready: { log: 'Listening on' },
    busy: { title: 'Forked (\\d+) at' },
  },
  drains: 'TERM and INT: it waits for its work horse, then exits.',
  lost: 'The work horse outlives a kill of the worker and finishes its job.',
  leftovers:
    'The name of the worker stays taken in Redis for more than 26 s; give it no fixed `--name`.',
  heartbeat:
    'The worker class of `beat_rq.py` says the job, and can be made quiet. The title names the work horse, not the job.',
  refusesSession: 'its work horse dies of TERM, with its job',
  traps: [
    {
      says: 'a second TERM kills the running job, with exit status 0: send none by hand',
      if: { kind: 'always' },
      at: ['check', 'stop'],
    },
    {
      says: 'a fixed --name stays taken for more than 26 s after a kill, and with overlap: the next start fails; leave --name out',
      if: { kind: 'has_option', options: ['--name', '-n'] },
      at: ['check', 'stop', 'doctor'],
    },
    {
      says: 'a TERM can lose the job that an idle worker is just fetching: set stop.quiet, with the worker class of docs/frameworks/rq.md',
      if: { kind: 'no_quiet' },
      at: ['check', 'doctor'],
    },
    {
      says: 'it imports nothing of the application at its start, so a release that cannot be loaded is ready and fails every job: add -c MODULE, a module that imports the application',
      if: { kind: 'lacks_option', options: ['-c', '--config'] },
      at: ['check', 'doctor'],
    },
    {
      says: 'its title says that it is busy only if the Python package setproctitle is installed',
      if: { kind: 'busy_title' },
      at: ['check', 'doctor'],
      isNote: true,
    },
    {
      says: 'rq suspend stops every worker on every host, since it is one key in Redis: it cannot make one instance quiet',
      if: { kind: 'always' },
      at: ['check'],
    },
  ],
};
