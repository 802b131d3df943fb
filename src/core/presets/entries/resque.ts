import type { Preset } from '../preset.ts';

// lib/resque/worker.rb: register_signal_handlers, unregister_signal_handlers (in the child), work_one_job (title).
export const resque: Preset = {
  title: 'Resque',
  command: 'bundle exec rake resque:work QUEUE="*"',
  programs: ['resque:work'],
  ranWith: [],
  source: 'https://github.com/resque/resque#signals',
  keys: {
    stop: { signal: 'QUIT', quiet: 'USR2', resume: 'CONT', leftovers: 'wait' },
    ready: { after: '5s' },
    busy: { title: '^resque-[^:]+: ((?:Forked|Processing) .+)' },
  },
  drains: 'QUIT: it waits for its child, then exits. USR2: no new jobs, CONT: again.',
  lost: 'The child outlives a kill of the worker and finishes the job, which is awaited. With the child the job is gone; Redis names it as the work of this worker until that is pruned.',
  leftovers: 'The entry of the worker: the next worker of the host prunes it at its start.',
  heartbeat: 'The title names the child and the queue.',
  refusesSession: 'its child dies of QUIT, with its job',
  traps: [
    {
      says: 'TERM and INT kill the job (TERM drains only with GRACEFUL_TERM): leave stop.signal at QUIT',
      if: { kind: 'other_signal', signal: 'QUIT' },
      at: ['check', 'stop', 'doctor'],
    },
    {
      says: 'USR1 kills the running job: send none by hand',
      if: { kind: 'always' },
      at: ['check'],
    },
  ],
};
