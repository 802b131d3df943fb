// Hosts whose startup files print, whose login shell is another, and hosts that print anything at all.
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { createFleet, linesTo, type FleetRig } from '../rig/fleet.ts';
import { heard } from '../rig/programs.ts';
import { until } from '../rig/wait.ts';

const status = { schema: 2, ok: true, wanted: 1, ready: 1, instances: [] };

describe('what startup files print', () => {
  test.each([
    ['a line', `echo 'Welcome to web1'`],
    ['the title of a window, without a newline', `printf '\\033]0;web1\\007'`],
    ['a prompt that ends with a brace', `printf 'function() {'`],
    ['a brace alone', `echo '{'`],
    ['JSON of its own', `echo '{"motd":1}'; printf '{\\n  "motd": 2\\n}\\n'`],
    ['a line on standard error', `echo 'no tty' >&2`],
  ])('must not hide an answer: %s', async (_, noise) => {
    const fleet = createFleet(['web1']);
    fleet.connect('web1', `${noise}\n`);
    expect((await fleet.ask('start')).states).toEqual(['web1 done']);
    expect((await fleet.ask('status')).states).toEqual(['web1 done']);
    const { stdout } = await fleet.fleet('doctor', '--json');
    const { findings } = JSON.parse(stdout) as { findings: Record<string, string>[] };
    for (const check of ['versions', 'clocks', 'configs', 'releases', 'doctor'])
      expect(findings.map((one) => one['check'])).toContain(check);
    expect(findings.filter((one) => one['check'] === 'connections')).toEqual([]);
  });
});

const shells = ['dash', 'bash', 'zsh', 'ksh', 'fish', 'csh', 'tcsh'].flatMap(
  (name) => [`/bin/${name}`, `/usr/bin/${name}`].find(existsSync) ?? [],
);

describe.each(shells)('a host whose login shell is %s', (shell) => {
  test('must get every word as it is, and run workerctl from a path with spaces', async () => {
    const fleet = createFleet(['web1'], {}, { web1: {} });
    mkdirSync(fleet.path('a dir'));
    symlinkSync(fleet.path('bin/workerctl'), fleet.path("a dir/it's workerctl"));
    const hosts = { web1: { workerctl: fleet.path("a dir/it's workerctl") } };
    const file = JSON.parse(readOr(fleet.path('fleet.yaml'), '')) as object;
    writeFileSync(fleet.path('fleet.yaml'), JSON.stringify({ ...file, hosts }));
    fleet.connect('web1', `exec ${shell} -c "$line"\n`);
    expect((await fleet.ask('start', 'mail.{1..1}')).states).toEqual(['web1 done']);
    expect((await fleet.ask('status', 'm*')).states).toEqual(['web1 done']);
    for (const odd of [`it's $(touch pwned) \`id\` "$HOME" & ~`, 'a\\b\\\\c\\', `x*?[!x]!!`])
      expect((await fleet.ask('status', odd)).hosts[0]?.problem).toContain(JSON.stringify(odd));
    expect(existsSync(fleet.path('web1/pwned'))).toBe(false);
    const { stdout } = await fleet.fleet('doctor');
    expect(stdout).toContain('versions');
    expect(stdout).toContain('clocks');
  });
});

/** Prints what the script says in place of each answer. */
const answering = (script: string, keys = {}): FleetRig => {
  const fleet = createFleet(['web1'], { connect_timeout: '1s', answer_timeout: '5s', ...keys });
  fleet.connect('web1', `${script}\n`);
  return fleet;
};

describe('a host that prints anything', () => {
  const commands = /[\u001b\u0007\r]/; // eslint-disable-line no-control-regex -- what is looked for
  const evil = '\u001b]0;pwned\u0007\u001b[2J\r::error::x';

  test('must not reach the terminal with it', async () => {
    const last = JSON.stringify({ schema: 2, error: { message: evil }, exit_code: 1 });
    const fleet = answering(
      `cat <<'END'\n${JSON.stringify({ ...status, kind: 'draining' })}\n${last}\nEND\nexit 1`,
    );
    for (const words of [['status'], ['restart'], ['stop'], ['events'], ['doctor'], ['rollout']]) {
      const { all } = await fleet.fleet(...words);
      expect(all).not.toMatch(commands);
      const asJson = await fleet.fleet(...words, '--json');
      expect(asJson.all).not.toMatch(commands);
    }
    const raw = answering(`printf '${evil}' >&2; exit 255`);
    const { all } = await raw.fleet('status');
    expect(all).toContain('^[');
    expect(all).not.toMatch(commands);
  });

  test.each([
    ['a line without an end', 'exec tr "\\0" x </dev/zero'],
    ['lines without an end', 'exec yes "$(printf %5000s x)"'],
    ['an object without an end', 'echo "{"; exec yes "  \\"a\\": 1,"'],
    ['errors without an end', 'exec yes >&2'],
    ['events without an end', `exec yes '{"schema":2,"kind":"started","instance":"a","at":"x"}'`],
  ])('must be cut off, with bounded memory: %s', async (_, script) => {
    const fleet = answering(script, { answer_timeout: '2s' });
    const { exitCode, all } = await fleet.rig.shell(
      'ulimit -v 4000000; NODE_OPTIONS=--max-old-space-size=300 workerctl fleet status',
    );
    expect(exitCode, all.slice(-2000)).toBe(4);
    expect(all).toContain('no answer within 3s');
    expect(all.length).toBeLessThan(5_000);
  });

  test('must say so if there are too many lines to be merged', async () => {
    const fleet = answering(
      `exec yes '{"schema":2,"kind":"started","instance":"a","at":"x","text":"${'x'.repeat(20_000)}"}'`,
      { answer_timeout: '60s' },
    );
    const { exitCode, stderr } = await fleet.fleet('events');
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/print too much to be merged.*\n.*--lines/);
  });

  test('of another schema must be named by every command', async () => {
    const fleet = answering(
      `cat <<'END'\n{"schema":99,"kind":"result","exit_code":0}\nEND\nexit 0`,
    );
    for (const words of [['status'], ['restart'], ['events'], ['hold']]) {
      const { exitCode, hosts } = await fleet.ask(...words);
      expect(exitCode).toBe(4);
      expect(hosts[0]).toMatchObject({ state: 'unknown' });
      expect(hosts[0]?.problem).toMatch(/schema 99, ours understands 2/);
    }
    fleet.connect('web1', 'line=$(echo "$line" | sed s,bin/workerctl,fake,g)\n');
    writeFileSync(
      fleet.path('fake'),
      `#!/bin/sh\n[ "$1" != --version ] || exec echo 9.9\necho '{"schema":99,"findings":[]}'\n`,
    );
    chmodSync(fleet.path('fake'), 0o755);
    const { exitCode, stdout } = await fleet.fleet('doctor');
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/web1: its workerctl answers with schema 99/);
  });
});

describe('a host that hangs', () => {
  test.each([
    ['in all that it runs', 'exec sleep 1000', /workerctl does not run there any more/],
    [
      'in workerctl alone, such as on a dead mount',
      'case $line in *workerctl*) exec sleep 1000 ;; esac',
      /workerctl does not run there any more/,
    ],
  ])('%s must not keep a restart from ending', async (_, script, problem) => {
    const fleet = createFleet(['web1', 'web2'], { connect_timeout: '1s', answer_timeout: '1s' });
    fleet.connect('web1', `${script}\n`);
    const { exitCode, states, hosts } = await fleet.ask('restart');
    expect(exitCode).toBe(4);
    expect(states).toEqual(['web1 unknown', 'web2 untouched']);
    expect(hosts[0]?.problem).toMatch(problem);
  });

  test('must not count as hanging while it waits, also if its config is broken by now', async () => {
    const fleet = createFleet(['web1'], { connect_timeout: '5s', answer_timeout: '1s' });
    writeFileSync(
      fleet.path('worker'),
      `#!/bin/sh\ntrap 'while [ ! -e "$RIG/go" ]; do sleep 0.1; done; exit 0' TERM\nwhile :; do sleep 0.1; done\n`,
    );
    expect((await fleet.ask('start')).exitCode).toBe(0);
    const restart = fleet.ask('restart');
    await until('it to drain', () => fleet.journal('web1', 'draining').length === 1);
    const config = readOr(fleet.path('web1/workerctl.yaml'), '');
    writeFileSync(fleet.path('web1/workerctl.yaml'), 'workers: {\n');
    const looks = (): number =>
      linesTo(fleet, 'web1').filter((one) => one.includes('op list')).length;
    await until('two looks', () => looks() >= 2);
    writeFileSync(fleet.path('web1/workerctl.yaml'), config);
    writeFileSync(fleet.path('go'), '');
    expect((await restart).states).toEqual(['web1 done']);
  });
});

test('lines that are followed must go on after a cut connection, with none left out', async () => {
  const fleet = createFleet(['web1']);
  expect((await fleet.ask('start')).exitCode).toBe(0);
  const log = fleet.path('web1/log/mail.1.log');
  const write = (line: string): void => {
    writeFileSync(log, `${line}\n`, { flag: 'a' });
  };
  for (const number of [1, 2, 3]) write(`old ${number}`);
  // The first connection ends as soon as a file says so.
  fleet.connect(
    'web1',
    `if [ ! -e cut ]; then touch cut; sh -c "$line" & until [ -e now ]; do sleep 0.02; done; kill -9 $!; exit 255; fi\n`,
  );
  const following = fleet.fleet('logs', '-f');
  const said = heard(following);
  await until('the first lines', () => said().includes('old 3'));
  writeFileSync(fleet.path('web1/now'), '');
  const connections = (): number => linesTo(fleet, 'web1').length;
  const before = connections();
  await until('the next connection', () => connections() > before);
  for (const number of [1, 2, 3, 4, 5]) write(`new ${number}`);
  await until('the last line', () => said().includes('new 5'));
  for (const number of [1, 2, 3, 4]) expect(said()).toContain(`new ${number}`);
  following.kill('SIGINT');
  const { exitCode, stderr } = await following;
  expect(exitCode).toBe(130);
  expect(stderr).toContain('web1: the connection was cut and is made again');
});
