// init as people call it: the file, what is printed, and a worker that runs by it.
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createRig } from '../rig/rig.ts';

const procfile = `web: bundle exec puma
mail.now: trap 'exit 0' TERM; while :; do sleep 0.1; done
junk
`;

test('a project with a Procfile must be written, checked and started', async () => {
  const rig = createRig();
  writeFileSync(rig.path('Procfile'), procfile);
  const { exitCode, stdout, all } = await rig.workerctl('init');
  expect(exitCode, all).toBe(0);
  for (const line of [
    `wrote ${rig.path('workerctl.yaml')} from Procfile\n`,
    '  mail-now  Procfile:2  listed in Procfile\n',
    '  Procfile:1: web was left out: a web process',
    '  Procfile:2: mail.now is called mail-now here',
    '  Procfile:3: expected NAME: COMMAND',
    '\ncheck: valid',
    '\ndoctor:\n',
    'cron: ',
  ])
    expect(stdout).toContain(line);
  expect((await rig.workerctl('start')).exitCode).toBe(0);
  expect(rig.instance('mail-now.1').pid()).toBeGreaterThan(1);
  expect((await rig.workerctl('stop')).exitCode).toBe(0);
});

test('--json must print the same as one object, and an existing file be left alone', async () => {
  const rig = createRig();
  writeFileSync(rig.path('Procfile'), procfile);
  writeFileSync(rig.path('workerctl.yaml'), 'mine');
  const refused = await rig.workerctl('init');
  expect(refused.exitCode).toBe(1);
  expect(readFileSync(rig.path('workerctl.yaml'), 'utf8')).toBe('mine');
  const { exitCode, stdout } = await rig.workerctl('init', '--json', '--config', 'other.yaml');
  expect(exitCode).toBe(0);
  const answer = JSON.parse(stdout) as Readonly<Record<string, unknown>>;
  expect(answer).toMatchObject({
    path: rig.path('other.yaml'),
    found: ['Procfile'],
    private: false,
    workers: [{ worker: 'mail-now', from: 'Procfile:2' }],
  });
  expect(existsSync(rig.path('other.yaml'))).toBe(true);
});

test('a file that was named and cannot be used must end with 1', async () => {
  const rig = createRig();
  const { exitCode, stderr } = await rig.workerctl('init', '--from', 'none.conf');
  expect(exitCode).toBe(1);
  expect(stderr).toContain('none.conf: there is no such file');
});

const ecosystem = `console.log('noise');
setInterval(() => {}, 1000);
module.exports = { apps: [{ name: 'jobs', script: 'work.js', args: '-v' }] };
`;

test('an ecosystem file of JavaScript must be run with --run only', async () => {
  const rig = createRig();
  writeFileSync(rig.path('ecosystem.config.cjs'), ecosystem);
  const unread = await rig.workerctl('init', '--json');
  expect(JSON.parse(unread.stdout)).toMatchObject({
    found: [],
    left_out: [
      {
        file: 'ecosystem.config.cjs',
        line: null,
        problem: 'is JavaScript: workerctl init --run runs it to read it',
      },
    ],
  });
  const read = await rig.workerctl('init', '--json', '--force', '--run');
  expect(JSON.parse(read.stdout)).toMatchObject({
    workers: [{ worker: 'jobs', from: 'ecosystem.config.cjs' }],
  });
  expect(readFileSync(rig.path('workerctl.yaml'), 'utf8')).toContain('command: node work.js -v\n');
});

test('JavaScript that throws, or that others can write, must be an error', async () => {
  const rig = createRig();
  const file = rig.path('ecosystem.config.js');
  writeFileSync(file, "/* apps: */ throw new Error('no such thing');\n");
  const thrown = await rig.workerctl('init', '--run');
  expect(thrown.exitCode).toBe(1);
  expect(thrown.stderr).toContain('Error: no such thing');
  chmodSync(file, 0o666);
  const refused = await rig.workerctl('init', '--run');
  expect(refused.exitCode).toBe(1);
  expect(refused.stderr).toContain('was not run: every user can write it');
  expect(existsSync(rig.path('workerctl.yaml'))).toBe(false);
});

test.runIf(process.geteuid?.() === 0)(
  'root must get the users of its workers, if this host has them',
  async () => {
    const rig = createRig();
    chmodSync(rig.folder, 0o755);
    mkdirSync(rig.path('log'), { mode: 0o777 });
    chmodSync(rig.path('log'), 0o777);
    const program = (name: string, user: string): string =>
      `[program:${name}]\ncommand=bin/${name}\nuser=${user}\n`;
    writeFileSync(
      rig.path('supervisord.conf'),
      program('mail', 'nobody') + program('none', 'no-such-user'),
    );
    const { exitCode, all } = await rig.workerctl('init');
    expect(exitCode, all).toBe(0);
    expect(all).toContain('supervisord.conf:4: user no-such-user was left out, because of this');
    const config = readFileSync(rig.path('workerctl.yaml'), 'utf8');
    expect(config.match(/user: .*/g)).toEqual(['user: nobody']);
  },
);
