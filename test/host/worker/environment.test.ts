import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { describe, expect, test } from 'vitest';
import { placedProblem } from '../../../src/core/basics/config-problem.ts';
import { WorkerctlError } from '../../../src/core/basics/error.ts';
import { buildEnvironment, envFileProblems } from '../../../src/host/worker/environment.ts';
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

  test('env_files must be read as sh reads them', () => {
    const file = scratch.write(
      '.env',
      `# a comment\nA=1\nexport B="two words"\nC='it is $A'\n\nD=$A=y\nE=\n`,
    );
    expect(buildEnvironment({ ...nothing, envFiles: [file] }, {})).toEqual({
      ...base,
      A: '1',
      B: 'two words',
      C: 'it is $A',
      D: '1=y',
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

  test('env_files must be able to use what was set before them', () => {
    const first = scratch.write('first', 'A=1\nPATH=/srv/bin:$PATH\n');
    const second = scratch.write('second', 'B=$A$TOKEN\nC=$PATH\n');
    const source = { envFiles: [first, second], env: { A: 'env' }, passEnv: ['TOKEN'] };
    const PATH = `/srv/bin:${base.PATH}`;
    expect(buildEnvironment(source, { TOKEN: 't', OTHER: 'x' })).toEqual({
      ...base,
      ...{ PATH, TOKEN: 't', A: 'env', B: '1t', C: PATH },
    });
    expect(() => buildEnvironment(source, { OTHER: 'x' })).toThrow(
      `${second}:1:5: B: found $TOKEN`,
    );
  });

  const refusal = (text: string | Uint8Array): string => {
    writeFileSync(scratch.path('bad.env'), text);
    const source = { ...nothing, envFiles: [scratch.path('bad.env')] };
    let message = 'none';
    try {
      buildEnvironment(source, {});
    } catch (error) {
      message = error instanceof WorkerctlError ? error.message : 'another error';
    }
    const [problem] = envFileProblems(source, {});
    expect(problem && placedProblem(problem)).toBe(message.replace(/ \(and .*/, ''));
    return message.replace(`${scratch.path('bad.env')}:`, '');
  };

  test.each<[string, string | Uint8Array, string]>([
    ['a blank', 'A=1\nB=x y\n', "2:4: B: found an unquoted blank; write B='x y'"],
    ['two lines', 'A=x y\nB=z;\n', '(and 1 more: run workerctl check)'],
    [
      'ISO 8859-1',
      Buffer.from('A=1\nB=caf\xe9\n', 'latin1'),
      '2:6: expected UTF-8 text, found other',
    ],
    ['UTF-16', Buffer.from('\uFEFFA=1\n', 'utf16le'), '1:1: expected UTF-8 text, found UTF-16'],
    ['NUL', 'A=1\0\n', '1:4: expected UTF-8 text, found a NUL byte'],
    ['too much', `A=${'x'.repeat(1024 * 1024)}`, '1:1: expected at most 1MB, found 1048578 bytes'],
  ])('an env file with %s must be refused in the same words by a check', (_, text, words) => {
    expect(refusal(text)).toContain(words);
  });

  test('what is no file must be refused at once, and not be waited for', () => {
    const fifo = scratch.path('fifo');
    execFileSync('mkfifo', [fifo]);
    for (const [path, kind] of [
      [fifo, 'a FIFO'],
      [scratch.folder(), 'a directory'],
      ['/dev/zero', 'a device'],
    ] as const) {
      const source = { ...nothing, envFiles: [path] };
      const words = `${path}:1:1: expected a file, found ${kind}`;
      expect(() => buildEnvironment(source, {})).toThrow(words);
      expect(envFileProblems(source, {}).map(placedProblem)).toEqual([words]);
    }
  });

  test('a check must stop at a file that is not there: the next ones may need it', () => {
    const file = scratch.write('good', 'A=1\n');
    const needs = scratch.write('needs', 'B=$MISSING\n');
    const source = { ...nothing, envFiles: [file, scratch.path('none'), needs] };
    expect(envFileProblems(source, {})).toEqual([]);
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
