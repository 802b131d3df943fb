import type { Preset } from '../preset.ts';

/** A program of one's own that finishes its job on TERM: the defaults of workerctl, written out. */
export const plain: Preset = {
  title: 'A program of your own',
  command: 'bin/worker --id %i',
  programs: [],
  ranWith: ['sh', 'Node.js 20', 'Python 3.11', 'Ruby 3.1', 'PHP 8.2'],
  source: 'https://man7.org/linux/man-pages/man7/signal.7.html',
  keys: { stop: { signal: 'TERM' }, ready: { after: '1s' } },
  drains:
    'On TERM it must finish its job and exit. A program without a handler dies of TERM at once.',
  lost: 'Whatever its queue knows of a job that was taken and not acknowledged.',
  heartbeat: '`beat.sh`, `beat.rb`, `beat.py`, `beat.mjs`, `beat.php` or `beat.go`.',
  traps: [
    {
      says: 'a program without a handler for TERM dies of it at once, with its job: handle TERM, or set stop.signal to one that it handles',
      if: { kind: 'always' },
      at: ['check'],
    },
  ],
};
