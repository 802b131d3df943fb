import type { Preset } from '../preset.ts';

export const bullmq: Preset = {
  title: 'BullMQ',
  command: 'node worker.js',
  programs: [],
  ranWith: ['6.7'],
  source: 'https://docs.bullmq.io/guide/workers/graceful-shutdown',
  keys: {
    stop: { signal: 'TERM', quiet: 'USR2', resume: 'CONT' },
    ready: { log: '^ready$' },
  },
  drains:
    'The application must handle the signals: TERM: `await worker.close()`, USR2: `worker.pause()`, CONT: `worker.resume()`. After `worker.pause(true)` an idle worker still takes one job.',
  lost: 'The job stays active until its lock expires (30 s), and is then done again by another worker.',
  heartbeat: '`beat_bullmq.mjs` counts the jobs of a worker.',
  traps: [
    {
      says: 'without handlers the process dies of TERM and of USR2, with its jobs: see docs/frameworks/bullmq.md',
      if: { kind: 'always' },
      at: ['check'],
    },
    {
      says: 'it must print a line "ready" when the worker emits ready: ready.log waits for it',
      if: { kind: 'always' },
      at: ['check'],
    },
    {
      says: 'a second TERM ends the process at once if it was handled with process.once: use process.on',
      if: { kind: 'always' },
      at: ['check', 'stop'],
    },
  ],
};
