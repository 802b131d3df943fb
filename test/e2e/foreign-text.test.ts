import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { fixture } from '../rig/programs.ts';
import { createRig, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

const idle = { command: fixture('idle') };

/** What a terminal would obey. */
const escape = '\u001b';
const evil = `${escape}]0;owned\u0007${escape}[2J\u009b31m`;

/** Colours, and what shows how a command goes on: the cursor is hidden and moved, and lines are written anew. */
const ours = new RegExp(`\\r*${escape}\\[(?:[\\d;]*m|\\?(?:25|7)[lh]|\\d*A|[JK])`, 'g');

/** Nothing that a terminal or GitHub obeys, but what is ours on a terminal. */
function expectHarmless(text: string, isOnTerminal = false): void {
  const rest = isOnTerminal ? text.replaceAll(ours, '') : text;
  // eslint-disable-next-line no-control-regex -- it is what must not be there
  expect(rest.replaceAll(/\r+\n/g, '\n')).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
}

/** The output of a command on a terminal. */
const onTerminal = async (rig: Rig, command: string): Promise<string> =>
  (await rig.shell(`script -qec '${command}' /dev/null </dev/null`)).stdout;

describe('text of others must not command a terminal', () => {
  test('from the log of a failed start: as text, as annotation, in the journal, on a terminal', async () => {
    const rig = createRig({ mail: { command: './bad', ready: { after: '5s' } } });
    const lines = `${evil}\nfoo\r::error title=forged::x\n${escape}[8mconcealed`;
    writeFileSync(rig.path('bad'), `#!/bin/sh\ncat '${rig.path('words')}'\nexit 1\n`, {
      mode: 0o755,
    });
    writeFileSync(rig.path('words'), lines);
    const { stdout } = await rig.workerctlWith({ GITHUB_ACTIONS: 'true' }, 'start');
    expect(stdout).toContain('^[]0;owned^G^[[2J\\u009b31m');
    expect(stdout).toContain('^[[8mconcealed');
    expect(stdout).toMatch(/^::error title=workerctl%3A mail\.1::/m);
    expect(stdout.split(/[\r\n]+/).filter((line) => /^\s*::error title=forged/.test(line))).toEqual(
      [],
    );
    expectHarmless(stdout);
    expectHarmless((await rig.workerctl('events')).stdout);
    expectHarmless(
      await onTerminal(rig, 'workerctl start; workerctl events; workerctl status'),
      true,
    );
    expect(await onTerminal(rig, 'workerctl start')).not.toContain(`${escape}[8m`);
  });

  test('from a job, a release and a journal that others have written', async () => {
    const rig = createRig({ mail: idle }, { release: { file: 'REV' } });
    writeFileSync(rig.path('REV'), `r1${evil}\n`);
    await rig.start();
    const { run_id: run } = rig.instance('mail.1').record() as { run_id: string };
    mkdirSync(`${rig.stateDir}/heartbeats`, { recursive: true });
    writeFileSync(`${rig.stateDir}/heartbeats/mail.1.${run}`, `busy ${evil}job\n`);
    const at = new Date().toISOString();
    const entry = {
      schema: 2,
      at,
      kind: 'warning',
      instance: `mail.1${evil}`,
      text: `x${evil}\n::error::y`,
    };
    writeFileSync(`${rig.stateDir}/events.ndjson`, `${JSON.stringify(entry)}\n`, { flag: 'a' });
    for (const command of ['status', 'events', 'status mail.1', 'doctor', 'jobs', 'rollout']) {
      expectHarmless((await rig.workerctl(...command.split(' '))).stdout);
      expectHarmless(await onTerminal(rig, `workerctl ${command}`), true);
    }
    expect((await rig.workerctl('events')).stdout).not.toMatch(/^::error/m);
  });

  test('from a config that is wrong', async () => {
    const rig = createRig({ mail: idle });
    rig.writeConfig(`workers: {mail: {"a\\e]0;x\\a": 1, command: "no\\e[2Jsuch"}}\n`);
    const { stderr } = await rig.workerctlWith({ GITHUB_ACTIONS: 'true' }, 'check');
    expect(stderr).toContain('::error');
    expectHarmless(stderr);
  });
});

test('JSON must keep every value, and still have nothing that a terminal obeys', async () => {
  const rig = createRig({ mail: { command: './bad', ready: { after: '5s' } } });
  writeFileSync(rig.path('bad'), `#!/bin/sh\nprintf 'x\\302\\2332Jy\\n'\nexit 1\n`, {
    mode: 0o755,
  });
  const { stdout } = await rig.workerctl('start', '--json');
  expectHarmless(stdout);
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { log?: string[] });
  expect(events.flatMap(({ log }) => log ?? [])).toContain('x\u009b2Jy');
});

describe('logs', () => {
  const logged = async (): Promise<Rig> => {
    const rig = createRig({ mail: { command: './says', ready: { after: '0.1s' } } });
    writeFileSync(
      rig.path('says'),
      `#!/bin/sh\nprintf 'a\\033[31mred\\033[0m\\033[2J\\rb\\n'\nexec sleep 1000\n`,
      { mode: 0o755 },
    );
    await rig.workerctl('start');
    await until('its line', () => rig.instance('mail.1').log().includes('red'));
    return rig;
  };
  const raw = `a${escape}[31mred${escape}[0m${escape}[2J\rb`;

  test('must be raw in a pipe, and visible but for colours on a terminal and in a workflow', async () => {
    const rig = await logged();
    expect((await rig.workerctl('logs')).stdout).toContain(raw);
    const shown = `a${escape}[31mred${escape}[0m^[[2J^Mb`;
    expect(await onTerminal(rig, 'workerctl logs')).toContain(shown);
    expect((await rig.workerctlWith({ GITHUB_ACTIONS: 'true' }, 'logs')).stdout).toContain(shown);
  });
});

describe('check', () => {
  const withSecrets = (): Rig =>
    createRig({
      mail: {
        command: ['sleep', '1000', '--token', 'tok123'],
        env: { DB_PASSWORD: 'hunter2', URL: 'amqp://u:pw456@h/', RAILS_ENV: 'production' },
        directory: 'away',
      },
    });
  const secrets = /tok123|hunter2|pw456/;

  test.each([[], ['--json']])('must hide values that look secret %j', async (...args) => {
    const { stdout, stderr } = await withSecrets().workerctl('check', ...args);
    expect(`${stdout}${stderr}`).not.toMatch(secrets);
    expect(stdout).toContain('production');
    expect(stdout).toContain('(hidden)');
  });

  test('must show them with --show-secrets, so that the output is the config', async () => {
    const rig = withSecrets();
    const { stdout } = await rig.workerctl('check', '--show-secrets');
    for (const secret of ['tok123', 'hunter2', 'pw456']) expect(stdout).toContain(secret);
    expect(stdout).not.toContain('hidden');
  });

  test('must annotate its warnings in a GitHub workflow', async () => {
    const rig = withSecrets();
    const { stderr } = await rig.workerctlWith({ GITHUB_ACTIONS: 'true' }, 'check');
    expect(stderr).toMatch(
      /^::warning file=.*workerctl\.yaml,line=\d+,col=\d+::workers\.mail\.directory: .*away does not exist yet$/m,
    );
    expect((await rig.workerctl('check')).stderr).not.toContain('::');
  });
});

test('a crontab line must be quoted without its secrets', async () => {
  const rig = createRig({ mail: idle });
  writeFileSync(
    rig.path('bin/crontab'),
    `#!/bin/sh\necho "* * * * * DB_PASSWORD=hunter2 /no/workerctl bootcheck -c ${rig.path('workerctl.yaml')}"\n`,
    { mode: 0o755 },
  );
  const { stdout } = await rig.workerctl('doctor');
  expect(stdout).toContain('DB_PASSWORD=(hidden)');
  expect(stdout).not.toContain('hunter2');
});
