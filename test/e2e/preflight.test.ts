import { appendFileSync, chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { booted, termed } from '../rig/instance.ts';
import { finishJob, giveJob, tells } from '../rig/jobs.ts';
import { deploy } from '../rig/releases.ts';
import { isRoot } from '../rig/programs.ts';
import { until } from '../rig/wait.ts';
import { createRig, statusOf, type Rig, type WorkerKeys } from '../rig/rig.ts';

const mail: WorkerKeys = { ...tells, command: 'bin/worker', directory: 'current', count: 2 };
const maps: WorkerKeys = { ...tells, count: 2 };
const names = ['mail.1', 'mail.2', 'maps.1', 'maps.2'];

/** Two workers; the second has nothing to do with what is wrong with the first. */
async function running(keys: WorkerKeys = {}): Promise<Rig> {
  const rig = createRig();
  deploy(rig, 'r1');
  writeFileSync(rig.path('mail.env'), 'A=1\n');
  rig.configure({ maps, mail: { ...mail, env_files: ['mail.env'], ...keys } });
  await rig.start();
  return rig;
}

const terms = (rig: Rig): number => names.flatMap((name) => rig.instance(name).terms()).length;

/** What makes a replacement impossible, and the words that must say so. */
const obstacles: Readonly<Record<string, readonly [(rig: Rig) => void, RegExp]>> = {
  'a program that is missing': [
    (rig) => {
      rmSync(rig.path('releases/r1/bin/worker'));
    },
    /command: \S+\/releases\/r1\/bin\/worker does not exist/,
  ],
  'a program that is not executable': [
    (rig) => {
      chmodSync(rig.path('current/bin/worker'), 0o644);
    },
    /is not executable: chmod \+x \S+\/bin\/worker/,
  ],
  'an interpreter that is missing': [
    (rig) => {
      deploy(rig, 'r2', '#!/no/such/ruby');
    },
    /bin\/worker cannot be run: \/no\/such\/ruby does not exist/,
  ],
  'a program of env that is missing': [
    (rig) => {
      deploy(rig, 'r2', '#!/usr/bin/env no-such-ruby');
    },
    /bin\/worker cannot be run: there is no program no-such-ruby in the PATH/,
  ],
  'a program with Windows line ends': [
    (rig) => {
      deploy(rig, 'r2', '#!/bin/sh\r');
    },
    /cannot be run: \/bin\/sh\\r does not exist \(its lines end as on Windows\)/,
  ],
  'a directory that is missing': [
    (rig) => {
      rmSync(rig.path('current'));
    },
    /directory \S+\/current: ENOENT/,
  ],
  'an env file that is missing': [
    (rig) => {
      rmSync(rig.path('mail.env'));
    },
    /mail\.env/,
  ],
  'an env file that is no such file': [
    (rig) => {
      appendFileSync(rig.path('mail.env'), '<<<<<<< HEAD\n');
    },
    /mail\.env:2/,
  ],
  'a log that is a directory': [
    (rig) => {
      rmSync(rig.path('log/mail.2.log'));
      mkdirSync(rig.path('log/mail.2.log'));
    },
    /mail\.2.*log: \S+\/log\/mail\.2\.log: .*found a directory/,
  ],
};

describe('a replacement that could not be started', () => {
  for (const [what, [spoil, words]] of Object.entries(obstacles))
    test(`for ${what}: must have no instance of any worker asked to exit`, async () => {
      const rig = await running();
      spoil(rig);
      const dry = await rig.workerctl('restart', '--dry-run');
      expect(dry.exitCode, dry.all).toBe(1);
      expect(dry.stdout).toMatch(words);
      expect(dry.stdout).not.toMatch(/ask .* to finish|later/);
      for (const flags of [[], ['--no-wait'], ['--batch', '1', '--no-canary']]) {
        const { exitCode, all, stdout } = await rig.workerctl('restart', ...flags);
        expect(exitCode, all).toBe(1);
        expect(stdout).toMatch(words);
      }
      expect((await rig.workerctl('bootcheck')).exitCode).toBe(0);
      expect(terms(rig)).toBe(0);
      const { rollouts, instances } = await statusOf(rig);
      expect(rollouts).toMatchObject([{ aborted: expect.stringMatching(words) as unknown }]);
      expect(instances.map(({ state }) => state)).toEqual(names.map(() => 'ready'));
    });

  test('must be reported before a later batch as well, and end the restart', async () => {
    const rig = await running({ restart: { batch: 1 } });
    const second = await giveJob(rig, rig.instance('mail.2'), 'long');
    const restart = rig.workerctl('restart', 'mail', '--json');
    await termed(rig.instance('mail.2'), second); // mail.1 was the canary
    finishJob(rig, second);
    expect((await restart).exitCode).toBe(0);

    await giveJob(rig, rig.instance('mail.1'), 'longer');
    const again = rig.workerctl('restart', 'mail', '--no-canary', '--json');
    const asked = await termed(rig.instance('mail.2'), await booted(rig.instance('mail.2')));
    expect(asked).toBe(true);
    chmodSync(rig.path('current/bin/worker'), 0o644);
    const { exitCode, all } = await again;
    expect(exitCode, all).toBe(1);
    expect(rig.instance('mail.1').terms()).toHaveLength(1);
  });

  test('must be started again by the same command once it can be', async () => {
    const rig = await running();
    chmodSync(rig.path('current/bin/worker'), 0o644);
    expect((await rig.workerctl('restart')).exitCode).toBe(1);
    chmodSync(rig.path('current/bin/worker'), 0o755);
    const { exitCode, all } = await rig.workerctl('restart');
    expect(exitCode, all).toBe(0);
    expect(terms(rig)).toBe(4);
  });

  test('must not be recycled either, which bootcheck says', async () => {
    const rig = await running({ recycle: { age: '1s', min_age: '0s' } });
    chmodSync(rig.path('current/bin/worker'), 0o644);
    const before = terms(rig);
    const all = await until('one to be old enough', async () => {
      const { exitCode, all } = await rig.workerctl('bootcheck');
      expect(exitCode, all).toBe(0);
      return all;
    });
    expect(all).toMatch(
      /mail\.\d.*is due for recycling, but could not be started again: .*is not executable/,
    );
    expect(terms(rig)).toBe(before);
    expect((await rig.workerctl('bootcheck', '--dry-run')).stdout).not.toMatch(/ask/);
  });

  test('must not leave a file behind that the check has created', async () => {
    const rig = await running();
    rig.configure({ mail: { ...mail, log: undefined, pidfile: 'run/deep/%n.pid' }, maps });
    chmodSync(rig.path('current/bin/worker'), 0o644);
    expect((await rig.workerctl('restart', 'mail')).exitCode).toBe(1);
    expect(existsSync(rig.path('run'))).toBe(false);
  });
});

test.runIf(isRoot)('limits above the hard limit must have no instance asked to exit', async () => {
  const rig = await running();
  rig.configure({ maps, mail: { ...mail, limits: { nofile: 5000 } } });
  const { exitCode, stdout, all } = await rig.shell(
    'ulimit -n 4096 && exec setpriv --bounding-set=-sys_resource workerctl restart',
  );
  expect(exitCode, all).toBe(1);
  expect(stdout).toContain('limits.nofile: 5000 is above the hard limit of 4096');
  expect(terms(rig)).toBe(0);
  expect((await rig.workerctl('restart')).exitCode).toBe(0);
});
