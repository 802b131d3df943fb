import type { Preset } from '../preset.ts';

// dramatiq/cli.py: termhandler, sighandler.
export const dramatiq: Preset = {
  title: 'Dramatiq',
  command: 'dramatiq app --processes 1 --threads 8',
  programs: ['dramatiq'],
  ranWith: [],
  source: 'https://dramatiq.io/guide.html#workers',
  keys: { stop: { signal: 'TERM' }, ready: { log: 'Worker process is ready for action' } },
  drains:
    'TERM, INT: its processes finish their messages for up to `--worker-shutdown-timeout` (10 min), then it exits.',
  lost: 'Messages that were not acknowledged are delivered again: at once by RabbitMQ, after the heartbeat timeout (60 s) by Redis.',
  heartbeat:
    'None is shipped: a middleware with `beat.py`, in `before_process_message` and `after_process_message`.',
  refusesSession:
    'the master sends TERM to its processes, and a second one kills them with their messages',
  traps: [
    {
      says: 'a second TERM kills the processes with their messages: send none by hand',
      if: { kind: 'always' },
      at: ['check', 'stop'],
    },
    {
      says: 'HUP reloads all processes: leave stop.signal at TERM',
      if: { kind: 'other_signal', signal: 'TERM' },
      at: ['check', 'doctor'],
    },
    {
      says: 'it cuts messages VALUE after TERM: set --worker-shutdown-timeout (in ms) to more than the longest one takes',
      if: {
        kind: 'cuts_jobs',
        options: ['--worker-shutdown-timeout'],
        seconds: 600,
        unit: 'ms',
      },
      at: ['check', 'stop', 'doctor'],
    },
  ],
};
