import type { Preset } from '../preset.ts';

// src/ListensForSignals.php, src/MasterSupervisor.php: terminate().
export const horizon: Preset = {
  title: 'Laravel Horizon',
  command: 'php artisan horizon',
  programs: ['artisan horizon'],
  ranWith: [],
  source: 'https://laravel.com/docs/horizon#deploying-horizon',
  keys: { stop: { signal: 'TERM', quiet: 'USR2', resume: 'CONT' }, ready: { after: '5s' } },
  drains:
    'TERM: its supervisors finish their jobs; it waits for the longest `timeout` of them, then exits. USR2 pauses, CONT continues.',
  lost: 'The job stays reserved and is done again after `retry_after`.',
  heartbeat:
    'None was tried: `HeartbeatServiceProvider.php` in the application; its workers count into one set.',
  refusesSession: 'the master tells its supervisors itself when to finish',
  traps: [
    {
      says: 'it waits no longer than the longest timeout in config/horizon.php: set it to more than the longest job takes, and retry_after to more than that',
      if: { kind: 'always' },
      at: ['check', 'stop', 'doctor'],
    },
    {
      says: 'one master per host is enough: it scales its workers itself; leave count at 1',
      if: { kind: 'several' },
      at: ['check', 'doctor'],
    },
    {
      says: 'USR1 restarts all of its supervisors: send none by hand',
      if: { kind: 'always' },
      at: ['check'],
    },
  ],
};
