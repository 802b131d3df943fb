// Five jobs at a time in the languages that Debian has; Node and sh are in test/e2e.
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { expectCountedJobs } from '../rig/concurrent-jobs.ts';
import { jobsPrograms } from '../rig/jobs-programs.ts';

const probes: Readonly<Record<string, readonly string[]>> = {
  python: ['python3', '--version'],
  ruby: ['ruby', '--version'],
  php: ['php', '-r', 'exit(function_exists("pcntl_fork") ? 0 : 1);'],
  go: ['go', 'version'],
};

const named = Object.keys(jobsPrograms).filter((name) => !/^(?:node|sh),/.test(name));

test.each(named)('five jobs at a time in %s must be counted', async (name) => {
  const [tool = '', ...words] = probes[name.split(',')[0] ?? ''] ?? [];
  if (spawnSync(tool, words).status !== 0) {
    expect(process.env['CI'], `${name}: needs ${tool}, see test/real/setup.sh`).toBeUndefined();
    console.warn(`skipped: ${name}, since this host has no ${tool}`);
    return;
  }
  await expectCountedJobs(name);
});
