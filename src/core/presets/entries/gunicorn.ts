import type { Preset } from '../preset.ts';

export const gunicorn: Preset = {
  title: 'Gunicorn',
  command: 'gunicorn --preload --graceful-timeout 120 --bind unix:tmp/%n.sock app:app',
  programs: ['gunicorn'],
  ranWith: ['20.1'],
  source: 'https://docs.gunicorn.org/en/stable/signals.html',
  keys: { stop: { signal: 'TERM' }, ready: { log: 'Booting worker with pid', stay: '5s' } },
  drains:
    'TERM: it takes no new connections, waits for its requests up to `--graceful-timeout` (30 s), and exits.',
  lost: 'Nothing: its workers answer their requests and leave when the master is gone.',
  heartbeat: 'None: a request is short, and the master watches its workers itself.',
  refusesSession: 'the master tells its workers itself when to finish',
  traps: [
    {
      says: 'on a unix socket the old master removes the socket of its replacement as it exits: leave restart.overlap off',
      if: { kind: 'overlaps' },
      at: ['check', 'doctor'],
    },
    {
      says: 'it cuts requests VALUE after TERM: set --graceful-timeout to more than the longest request takes',
      if: { kind: 'cuts_jobs', options: ['--graceful-timeout'], seconds: 30 },
      at: ['check', 'stop', 'doctor'],
    },
    {
      says: 'without --preload an application that cannot be loaded fails in the workers, after the master is up: add --preload, and leave ready.stay at 5s or more',
      if: { kind: 'lacks_option', options: ['--preload'] },
      at: ['check', 'doctor'],
    },
    {
      says: 'do not upgrade it with USR2: it sends no MAINPID, and a third master fights for the port; use workerctl restart',
      if: { kind: 'always' },
      at: ['check', 'doctor'],
    },
    {
      says: 'a master whose workers die at boot counts as ready: set ready.stay to 5s or more',
      if: { kind: 'no_stay' },
      at: ['check', 'doctor'],
    },
    {
      says: 'with --daemon workerctl loses the master: leave it out',
      if: { kind: 'has_option', options: ['--daemon', '-D'] },
      at: ['check', 'doctor'],
    },
  ],
};
