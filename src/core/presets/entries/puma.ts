import type { Preset } from '../preset.ts';

export const puma: Preset = {
  title: 'Puma',
  command: 'bundle exec puma -w 2 --preload -b unix://tmp/%n.sock config.ru',
  programs: ['puma'],
  ranWith: ['5.6.5'],
  source: 'https://github.com/puma/puma/blob/master/docs/signals.md',
  keys: { stop: { signal: 'TERM' }, ready: { log: 'Worker \\d+ \\(PID: \\d+\\) booted' } },
  drains: 'TERM: it takes no new connections, answers its requests and exits.',
  lost: 'The requests that were being answered: its workers leave them when the master is gone.',
  heartbeat: 'None: its title shows nothing of requests.',
  refusesSession: 'the master tells its workers itself when to finish',
  traps: [
    {
      says: 'without --preload, or preload_app! in its config, an application that cannot be loaded makes the master fork for ever, and the start fails only at ready.timeout: add --preload',
      if: { kind: 'lacks_option', options: ['--preload', '-C', '--config'] },
      at: ['check', 'doctor'],
    },
    {
      says: 'a socket is written -b unix://PATH; with unix:PATH it listens on nothing',
      if: { kind: 'always' },
      at: ['check'],
    },
    {
      says: 'the replacement cannot listen on the socket of the old master: leave restart.overlap off',
      if: { kind: 'overlaps' },
      at: ['check', 'doctor'],
    },
    {
      says: 'without -w it is no cluster and never prints that a worker has booted: set ready to {log: Listening on}',
      if: { kind: 'lacks_option', options: ['-w', '--workers', '-C', '--config'] },
      at: ['check', 'doctor'],
    },
    {
      says: 'its title does not say whether it is busy: Sidekiq’s pattern does not fit',
      if: { kind: 'busy_title' },
      at: ['check', 'doctor'],
    },
    {
      says: 'Debian’s 5.6.5 sends no READY=1: with ready.notify it never becomes ready',
      if: { kind: 'ready_notify' },
      at: ['check', 'doctor'],
    },
  ],
};
