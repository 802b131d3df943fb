import { userInfo } from 'node:os';
import { describe, expect, test } from 'vitest';
import { WorkerctlError } from '../../../src/core/basics/error.ts';
import { buildEnvironment } from '../../../src/host/worker/environment.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();
const nothing = { envFiles: [], env: {}, passEnv: [] };
const asRoot = process.geteuid?.() === 0;

const base = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: userInfo().homedir,
  USER: userInfo().username,
  LOGNAME: userInfo().username,
  SHELL: '/bin/sh',
  LANG: 'C.UTF-8',
};

test('must be the same for every caller', () => {
  const cron = buildEnvironment(nothing, {});
  const deploy = buildEnvironment(nothing, {
    PATH: '/home/me/bin',
    HOME: '/home/me',
    USER: 'me',
    LANG: 'de_DE.UTF-8',
    BUILD_ID: '77',
    JENKINS_NODE_COOKIE: 'x',
    RUNNER_TRACKING_ID: 'y',
    LD_PRELOAD: '/x.so',
    WORKERCTL_INSTANCE: 'other.1',
  });
  expect(cron).toEqual(base);
  expect(deploy).toEqual(base);
});

describe('the sources', () => {
  test('pass_env must copy the variables that the caller has', () => {
    const source = { ...nothing, passEnv: ['SSH_AUTH_SOCK', 'NOT_THERE', 'EMPTY'] };
    const caller = { SSH_AUTH_SOCK: '/s', EMPTY: '', OTHER: 'x' };
    expect(buildEnvironment(source, caller)).toEqual({ ...base, SSH_AUTH_SOCK: '/s', EMPTY: '' });
  });

  test('env_files must be read like the files of dotenv', () => {
    const file = scratch.write(
      '.env',
      `# a comment\nA=1\nexport B="two words"\nC='it is $A'\n\nD=x=y\nE=\n`,
    );
    expect(buildEnvironment({ ...nothing, envFiles: [file] }, {})).toEqual({
      ...base,
      A: '1',
      B: 'two words',
      C: 'it is $A',
      D: 'x=y',
      E: '',
    });
  });

  test('env must replace values of the files, a later file those of an earlier one, and files those of pass_env', () => {
    const first = scratch.write('first', 'A=first\nB=first\nC=first\n');
    const second = scratch.write('second', 'B=second\nC=second\n');
    const source = {
      envFiles: [first, second],
      env: { C: 'env', LANG: 'fr' },
      passEnv: ['A', 'D'],
    };
    expect(buildEnvironment(source, { A: 'caller', D: 'caller' })).toEqual({
      ...base,
      A: 'first',
      B: 'second',
      C: 'env',
      D: 'caller',
      LANG: 'fr',
    });
  });

  test('a missing file must be an error that names it', () => {
    const attempt = (): unknown =>
      buildEnvironment({ ...nothing, envFiles: [scratch.path('none')] }, {});
    expect(attempt).toThrow(WorkerctlError);
    expect(attempt).toThrow(`env file ${scratch.path('none')}: ENOENT: no such file or directory`);
  });
});

test.runIf(asRoot)('must be complete for a user that is not in the user database', async () => {
  const [node = '', program = ''] = scratch.program(`
    import { buildEnvironment } from './worker/environment.ts';
    process.setuid(54321);
    const { HOME, USER } = buildEnvironment({ envFiles: [], env: {}, passEnv: [] }, {});
    console.log('I am', USER, HOME);`);
  const child = scratch.run([node, program]);
  await child.says('I am 54321 /');
});
