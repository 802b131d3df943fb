// The words by which a program gives up rights, and the environment that only comes into force afterwards, with real shells.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  landing,
  rightsIn,
  setprivWords,
  stagedVariables,
} from '../../../src/core/model/account.ts';
import { aConfig, aWorker } from '../builders.ts';

const deploy = { name: 'deploy', uid: 1003, gid: 1004, groups: [1004, 27] };

test.each([
  ['nothing to change', undefined, false, ''],
  ['no new rights', undefined, true, '/bin/setpriv --no-new-privs --'],
  ['a user', deploy, false, '/bin/setpriv --reuid 1003 --regid 1004 --groups 1004,27 --'],
  [
    'a user without groups and no new rights',
    { ...deploy, groups: [] },
    true,
    '/bin/setpriv --reuid 1003 --regid 1004 --clear-groups --no-new-privs --',
  ],
])('%s must take these words', (_, account, noNewPrivs, words) => {
  expect(setprivWords('/bin/setpriv', account, noNewPrivs).join(' ')).toBe(words);
});

test('the rights of an instance must be those of its worker, and of nobody if that is gone', () => {
  const mail = aWorker('mail', ['1'], { runAs: { user: 'deploy' } });
  const images = aWorker('images', ['1']);
  expect(rightsIn(aConfig(mail, images), 'mail.1').runAs).toEqual({ user: 'deploy' });
  expect(rightsIn(aConfig(mail, images), 'images.1').runAs).toBeUndefined();
  expect(rightsIn(aConfig(mail), 'images.1').runAs).toEqual({ user: '65534', group: '65534' });
  expect(rightsIn(aConfig(images), 'mail.1')).toEqual({});
});

const shells = [['sh'], ['bash', '--posix'], ['busybox', 'sh']].filter(([name = '']) =>
  ['/bin', '/usr/bin'].some((folder) => existsSync(`${folder}/${name}`)),
);

describe.each(shells)('%s', (...shell) => {
  const [file = '', ...options] = shell;
  const land = (directory: string, variables: Readonly<Record<string, string>>) =>
    spawnSync(
      file,
      [
        ...options,
        '-c',
        landing,
        'sh',
        directory,
        process.execPath,
        '-p',
        'JSON.stringify([process.cwd(), process.env])',
      ],
      {
        env: { PATH: '/usr/bin:/bin', ...stagedVariables(variables) },
        encoding: 'utf8',
        // With a socket bash would read files of its user.
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );

  test('must bring back every variable as it was, and leave nothing of ours', () => {
    const variables = {
      PATH: '/opt/bin:/usr/bin:/bin',
      LANG: 'C',
      QUOTES: `'"\`$(id)\\ $HOME`,
      LINES_OF_IT: 'one\n\ttwo\n',
      EMPTY: '',
      IFS: ':',
      staged: 'x',
      WORKERCTL_STATE_DIR: '/srv/ä b',
    };
    const { stdout, stderr } = land('', variables);
    const [, environment] = JSON.parse(stdout) as [string, Record<string, string>];
    expect(stderr).toBe('');
    expect(environment).toMatchObject(variables);
    expect(Object.keys(environment).filter((name) => /STAGED|staged_/.test(name))).toEqual([]);
  });

  test('must survive what a shell keeps for itself', () => {
    const { status } = land('', { UID: '5', PPID: '1', LANG: 'C' });
    expect(status).toBe(0);
  });

  test('must be in the directory, or run nothing', () => {
    expect(land('/usr', { LANG: 'C' }).stdout).toContain('"/usr"');
    const { status, stdout } = land('/nonexistent', { LANG: 'C' });
    expect({ status, stdout }).toEqual({ status: 126, stdout: '' });
  });
});
