import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// Real processes on a small machine: a generous limit that only catches a hang.
const limits = { testTimeout: 120_000, hookTimeout: 60_000 };
const setupFiles = ['test/rig/drawn-cases.ts'];

/** What the build makes a bundle of, and what the rest of the sources knows by this name. */
const alias = {
  'workerctl-page': fileURLToPath(new URL('../src/page/render.tsx', import.meta.url)),
};

export default defineConfig({
  test: {
    // Tests of real processes wait most of the time: more of them at once than there are cores.
    maxWorkers: 5,
    projects: [
      {
        resolve: { alias },
        test: {
          name: 'unit',
          include: [
            'test/{core,config,engine,commands,output,cli,page}/**/*.test.ts',
            'test/*.test.ts',
          ],
          // They leave no trace in a process: so they share the modules that one has loaded.
          pool: 'threads',
          isolate: false,
          setupFiles,
          ...limits,
        },
      },
      { test: { name: 'host', include: ['test/host/**/*.test.ts'], setupFiles, ...limits } },
      { test: { name: 'e2e', include: ['test/e2e/**/*.test.ts'], ...limits } },
      {
        test: {
          name: 'proof',
          include: ['test/proof/**/*.test.ts'],
          testTimeout: 1_800_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          name: 'real',
          include: ['test/real/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
