import { test } from 'vitest';
import { expectCountedJobs } from '../rig/concurrent-jobs.ts';
import { jobsPrograms } from '../rig/jobs-programs.ts';

// The other languages are in test/real/heartbeat.test.ts: npm test needs no more than Node and sh.
test.each(Object.keys(jobsPrograms).filter((name) => /^(?:node|sh),/.test(name)))(
  'five jobs at a time in %s must be counted: idle after the last one, all lost with their process',
  async (name) => {
    await expectCountedJobs(name);
  },
);
