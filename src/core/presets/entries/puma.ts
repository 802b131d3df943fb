import type { Preset } from '../preset.ts';

export const puma: Preset = {
  title: 'Puma',
  command: 'bundle exec puma -w 2 -b unix:tmp/%n.sock',
  ranWith: ['5.6.5'],
  source: 'https://github.com/puma/puma/blob/master/docs/signals.md',
  keys: { stop: { signal: 'TERM' }, ready: { log: 'Worker \\d+ \\(PID: \\d+\\) booted' } },
  drains: 'TERM: it takes no new connections, answers its requests and exits.',
  lost: 'The requests that were being answered.',
  heartbeat: 'None: its title shows nothing of requests.',
  traps: [
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
