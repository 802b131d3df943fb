// Five jobs at a time in the languages that Debian has; Node and sh are in test/e2e.
import { test } from 'vitest';
import { expectCountedJobs } from '../rig/concurrent-jobs.ts';
import { jobsPrograms } from '../rig/jobs-programs.ts';
import { isMissing } from './frameworks/needs.ts';

const probes: Readonly<Record<string, string>> = {
  python: 'python3 --version',
  ruby: 'ruby --version',
  php: 'php -r "exit(function_exists(\'pcntl_fork\') ? 0 : 1);"',
  go: 'go version',
};

for (const name of Object.keys(jobsPrograms)) {
  const [language = ''] = name.split(',');
  const probe = probes[language];
  if (probe === undefined || isMissing(name, { [language]: probe })) continue;
  test(`five jobs at a time in ${name} must be counted`, () => expectCountedJobs(name));
}
