import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  bootcheckCall,
  bootcheckLines,
  parseCrontab,
  type Schedule,
} from '../../../src/core/protocols/crontab.ts';

const minutes = (schedule: Schedule | undefined): number | string | undefined =>
  schedule?.kind === 'times' ? schedule.longest / 60_000 : schedule?.kind;

test.each<[string, number | string | undefined]>([
  ['* * * * *', 1],
  ['*/5 * * * *', 5],
  ['*/7 * * * *', 7],
  ['0,30 * * * *', 30],
  ['10-20/5 * * * *', 50],
  ['5/15 * * * *', 15],
  ['0 * * * *', 60],
  ['0 8-18 * * *', 14 * 60],
  ['30 4 * * *', 24 * 60],
  ['* * * * 1-5', 7 * 24 * 60],
  ['@hourly', 60],
  ['@reboot', 'boot'],
  ['@never', undefined],
  ['61 * * * *', undefined],
  ['x * * * *', undefined],
])('of %s the longest gap must be %s minutes', (times, gap) => {
  const [line] = parseCrontab(`${times} /bin/true a b\n`, false);
  expect(minutes(line?.schedule)).toBe(gap);
  if (gap !== undefined) expect(line?.command).toBe('/bin/true a b');
});

test('variables must hold for the lines below them, and a system crontab names a user', () => {
  const text = [
    '# m h dom mon dow command',
    '',
    'MAILTO=""',
    '* * * * * root first',
    'PATH = /opt/bin:/bin',
    '@reboot  deploy   second one',
  ].join('\n');
  expect(parseCrontab(text, true)).toEqual([
    {
      schedule: { kind: 'times', longest: 60_000 },
      user: 'root',
      command: 'first',
      env: { MAILTO: '' },
    },
    {
      schedule: { kind: 'boot' },
      user: 'deploy',
      command: 'second one',
      env: { MAILTO: '', PATH: '/opt/bin:/bin' },
    },
  ]);
});

test('any text must be taken for a crontab without an error', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.boolean(), (text, hasUsers) => {
      for (const { command } of parseCrontab(text, hasUsers)) bootcheckCall(command);
    }),
  );
});

test('a percent sign ends the command, unless a backslash is before it', () => {
  const [line] = parseCrontab('* * * * * workerctl bootcheck -c /a\\%b/w.yaml%input%more\n', false);
  expect(line?.command).toBe('workerctl bootcheck -c /a%b/w.yaml');
  expect(bootcheckCall(line?.command ?? '')?.config).toBe('/a%b/w.yaml');
});

test('what install cron writes must be read as it was meant', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^\/[ -~]{1,20}$/), (config) => {
      const [text = ''] = bootcheckLines([
        '/usr/bin/node',
        '/opt/workerctl',
        'bootcheck',
        '--config',
        config,
      ]);
      const [line] = parseCrontab(text, false);
      expect(bootcheckCall(line?.command ?? '')?.config).toBe(config);
    }),
  );
});

test('a line that ends as on Windows must be marked', () => {
  const [one, two] = parseCrontab('* * * * * a\r\n@reboot b\n', false);
  expect(one).toMatchObject({ command: 'a', endsInReturn: true });
  expect(two).not.toHaveProperty('endsInReturn');
});

test.each([
  [
    '/usr/bin/node /opt/w/bin/workerctl bootcheck --config /srv/app/workerctl.yaml',
    {
      program: '/usr/bin/node',
      script: '/opt/w/bin/workerctl',
      env: {},
      config: '/srv/app/workerctl.yaml',
    },
  ],
  [
    'workerctl bootcheck -c a.yaml >/dev/null 2>&1',
    { program: 'workerctl', env: {}, config: 'a.yaml' },
  ],
  [
    `cd "/srv/my app" && PATH=/x:/bin exec workerctl bootcheck --config='w.yaml'`,
    { program: 'workerctl', env: { PATH: '/x:/bin' }, config: 'w.yaml', directory: '/srv/my app' },
  ],
  [
    'flock -n /tmp/lock workerctl --json bootcheck | logger',
    { program: 'flock', script: 'workerctl', env: {} },
  ],
  [
    `bash -lc 'cd "/srv/my app" && bundle exec true; workerctl bootcheck -c w.yaml'`,
    { program: 'workerctl', env: {}, config: 'w.yaml', directory: '/srv/my app', hasOwnPath: true },
  ],
  [
    `cd /srv/app && RAILS_ENV=production /bin/sh -c "exec bin/workerctl bootcheck"`,
    { program: 'bin/workerctl', env: { RAILS_ENV: 'production' }, directory: '/srv/app' },
  ],
  [
    '(cd /srv/app && workerctl bootcheck) >/dev/null 2>&1',
    { program: 'workerctl', env: {}, directory: '/srv/app' },
  ],
  [
    '{ cd /srv/app; workerctl bootcheck; }',
    { program: 'workerctl', env: {}, directory: '/srv/app' },
  ],
  [
    '/usr/bin/env -C /srv/app A=1 workerctl bootcheck',
    { program: 'workerctl', env: { A: '1' }, directory: '/srv/app' },
  ],
  [
    'env --chdir=/srv/app workerctl bootcheck',
    { program: 'workerctl', env: {}, directory: '/srv/app' },
  ],
  ['. ~/.profile; workerctl bootcheck', { program: 'workerctl', env: {}, hasOwnPath: true }],
  [`bash -c 'workerctl status' && echo bootcheck`, undefined],
  ['echo workerctl; bootcheck', undefined],
  ['workerctl status', undefined],
  ['', undefined],
])('of %s', (command, call) => {
  expect(bootcheckCall(command)).toEqual(call);
});
