import { existsSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { createFleet, linesTo, runOf, type FleetRig, type FleetRun } from '../rig/fleet.ts';
import { heard } from '../rig/programs.ts';
import { until } from '../rig/wait.ts';

const refused = 'echo "ssh: connect to host $host port 22: Connection refused" >&2; exit 255\n';

/** Runs the line to its end, and cuts the connection as soon as an instance drains: once. */
const cutWhileDraining = `
if [ ! -e cut ] && case $line in *restart*) true ;; *) false ;; esac; then
  touch cut
  setsid sh -c "$line" >cut.out 2>&1 </dev/null &
  until grep -q draining cut.out; do sleep 0.02; done
  cat cut.out
  echo "Connection to $host closed by remote host." >&2
  exit 255
fi
`;

/** How often the instances of a host were asked to finish. */
const asked = (fleet: FleetRig, host: string): number => fleet.journal(host, 'draining').length;

async function started(names: readonly string[], keys = {}, hostKeys = {}): Promise<FleetRig> {
  const fleet = createFleet(names, keys, hostKeys);
  const { exitCode, all, states } = await fleet.ask('start');
  expect(exitCode, all).toBe(0);
  expect(states).toEqual(names.map((name) => `${name} done`));
  return fleet;
}

describe('fleet status', () => {
  test('must show all hosts, and those that do not answer as unknown', async () => {
    const fleet = await started(['web1', 'web2', 'db1'], {}, { db1: { groups: ['db'] } });
    const well = await fleet.ask('status');
    expect(well.exitCode, well.all).toBe(0);
    expect(well.lines.map(({ host }) => host).sort()).toEqual(['db1', 'web1', 'web2']);

    fleet.connect('web2', refused);
    const { exitCode, states, hosts } = await fleet.ask('status');
    expect(exitCode).toBe(4);
    expect(states).toEqual(['web1 done', 'web2 unknown', 'db1 done']);
    expect(hosts[1]?.problem).toContain('Connection refused');
    const { stdout } = await fleet.fleet('status');
    expect(stdout).toMatch(/^web2 +\? .*unknown: .*Connection refused/m);

    const some = await fleet.ask('status', '--host', 'db,web[1]');
    expect(some.states).toEqual(['web1 done', 'db1 done']);
    expect(await fleet.fleet('status', '--host', 'mail')).toMatchObject({ exitCode: 2 });
  });

  test('must end in bounded time if a host answers nothing, and say 3 if instances are missing', async () => {
    const limits = { connect_timeout: '1s', answer_timeout: '4s' };
    const fleet = createFleet(['web1', 'web2'], limits);
    const short = await fleet.ask('status');
    expect(short.states).toEqual(['web1 short', 'web2 short']);
    expect(short.exitCode).toBe(3);
    fleet.connect('web1', 'exec sleep 1000\n');
    const { exitCode, hosts } = await fleet.ask('status');
    expect(exitCode).toBe(4);
    expect(hosts[0]).toMatchObject({ state: 'unknown', problem: 'no answer within 5s' });
  });

  test.each([
    ['another schema', '{"schema":99,"kind":"result","exit_code":0}', 'unknown', /schema 99/],
    ['noise before the answer', 'motd', 'done', undefined],
  ])('must understand a host with %s', async (_, line, state, problem) => {
    const fleet = await started(['web1']);
    fleet.connect('web1', `echo '${line}'\n${line === 'motd' ? '' : 'exit 0'}\n`);
    const { hosts } = await fleet.ask('status');
    expect(hosts[0]?.state).toBe(state);
    if (problem !== undefined) expect(hosts[0]?.problem).toMatch(problem);
  });

  test.each([
    [127, 'sh: 1: workerctl: not found', /^no .*workerctl there: .*not found/],
    [126, 'workerctl: expected Node.js 20.19 or later, found 18.0.0', /Node\.js 20\.19/],
  ])('must say what is missing on a host that ends with %d', async (code, line, problem) => {
    const fleet = createFleet(['web1']);
    fleet.connect('web1', `echo '${line}' >&2; exit ${code}\n`);
    const { exitCode, hosts } = await fleet.ask('status');
    expect(exitCode).toBe(1);
    expect(hosts[0]).toMatchObject({ state: 'failed' });
    expect(hosts[0]?.problem).toMatch(problem);
  });
});

describe('fleet restart', () => {
  test('must restart the canary first, then the others, and report the releases', async () => {
    const fleet = await started(['web1', 'web2', 'web3'], { canary: 'web2', batch: 2 });
    const run = await fleet.ask('restart');
    expect(run.exitCode, run.all).toBe(0);
    expect(run.hosts.map(({ releases }) => releases)).toEqual([
      { web1: 1 },
      { web2: 1 },
      { web3: 1 },
    ]);
    const at = (host: string, kind: 'draining' | 'rollout_finished'): string =>
      fleet.journal(host, kind)[0]?.at ?? '';
    expect(at('web2', 'rollout_finished') < at('web1', 'draining')).toBe(true);
    expect(at('web2', 'rollout_finished') < at('web3', 'draining')).toBe(true);
    expect(at('web3', 'draining') < at('web1', 'rollout_finished')).toBe(true);
    expect(run.lines.every(({ host }) => typeof host === 'string')).toBe(true);
  });

  test('must touch no other host if the canary fails', async () => {
    const fleet = await started(['web1', 'web2'], { max_failed: 5 });
    fleet.configure('web1', { command: '/bin/false', ready: { after: '20s' } });
    const { exitCode, states, hosts, all } = await fleet.ask('restart');
    expect(exitCode, all).toBe(1);
    expect(states).toEqual(['web1 failed', 'web2 untouched']);
    expect(hosts[0]?.problem).toMatch(/aborted|start failed|would not start/);
    expect(hosts[1]?.releases).toEqual({ web2: 1 });
    expect(asked(fleet, 'web2')).toBe(0);
    expect(linesTo(fleet, 'web2').filter((line) => line.includes('restart'))).toEqual([]);
  });

  test('must begin no other host once more than max_failed have failed, and not before', async () => {
    const names = ['web1', 'web2', 'web3', 'web4', 'web5'];
    const fleet = await started(names, { max_failed: 1, batch: 1 });
    fleet.connect('web2', refused);
    fleet.connect('web4', 'echo "sh: workerctl: not found" >&2; exit 127\n');
    const { exitCode, states, all } = await fleet.ask('restart');
    expect(states, all).toEqual([
      'web1 done',
      'web2 unknown',
      'web3 done',
      'web4 failed',
      'web5 untouched',
    ]);
    expect(exitCode).toBe(1);
    const text = await fleet.fleet('restart', '--host', 'web2');
    expect(text).toMatchObject({ exitCode: 4 });
  });

  test('must go on with what a host does if the connection is cut while it drains', async () => {
    const fleet = await started(['web1', 'web2']);
    for (const host of ['web1', 'web2']) fleet.connect(host, cutWhileDraining);
    const { exitCode, states, lines, all } = await fleet.ask('restart');
    expect(exitCode, all).toBe(0);
    expect(states).toEqual(['web1 done', 'web2 done']);
    for (const host of ['web1', 'web2']) {
      expect(existsSync(fleet.path(`${host}/cut`))).toBe(true);
      expect(asked(fleet, host)).toBe(1);
      expect(
        lines.filter((one) => one['host'] === host && one['kind'] === 'draining'),
      ).toHaveLength(1);
    }
  });

  test('must begin nothing twice if its controller is killed and run again with the id', async () => {
    const fleet = await started(['web1', 'web2'], { batch: 1 });
    const controller = fleet.fleet('restart', '--op', 'deploy-42', '--json');
    const said = heard(controller);
    await until('web2 to drain', () => asked(fleet, 'web2') === 1);
    controller.kill('SIGKILL');
    await controller;
    expect(said()).toContain('"host":"web1"');
    const again = await fleet.ask('restart', '--op', 'deploy-42');
    expect(again.exitCode, again.all).toBe(0);
    expect(again.states).toEqual(['web1 done', 'web2 done']);
    // And once more, after all has ended.
    expect((await fleet.ask('restart', '--op', 'deploy-42')).exitCode).toBe(0);
    expect(['web1', 'web2'].map((host) => asked(fleet, host))).toEqual([1, 1]);
    const other = await fleet.ask('restart', 'mail', '--op', 'deploy-42');
    expect(other.exitCode).toBe(1);
    expect(['web1', 'web2'].map((host) => asked(fleet, host))).toEqual([1, 1]);
  });

  test('must refuse an id that was made for other arguments before it connects', async () => {
    const fleet = await started(['web1']);
    const { op = '' } = await fleet.ask('restart');
    expect(op).toMatch(/^fleet-[0-9a-f]{8}-[0-9a-f]{8}$/);
    const lines = linesTo(fleet, 'web1').length;
    const { exitCode, stdout } = await fleet.fleet('restart', 'mail', '--op', op, '--json');
    expect(exitCode).toBe(64);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'conflict' } });
    expect(linesTo(fleet, 'web1')).toHaveLength(lines);
  });

  test('must stop beginning hosts at Ctrl-C, and let those that were begun finish', async () => {
    const fleet = await started(['web1', 'web2'], { batch: 1 });
    const controller = fleet.fleet('restart', '--json');
    const said = heard(controller);
    await until('web1 to drain', () => said().includes('"kind":"draining"'));
    controller.kill('SIGINT');
    const { exitCode, stdout, all } = await controller;
    const run = runOf(exitCode, stdout, all);
    expect(run.exitCode).toBe(130);
    expect(run.states).toEqual(['web1 unknown', 'web2 untouched']);
    expect(all).toContain(`--op ${run.op ?? ''}`);
    await until('web1 to finish', () => fleet.journal('web1', 'rollout_finished').length === 1);
    expect(asked(fleet, 'web2')).toBe(0);
  });
});

describe('other commands of a fleet', () => {
  test('hold, unhold, stop and bootcheck must reach all hosts', async () => {
    const fleet = await started(['web1', 'web2']);
    expect((await fleet.ask('hold', 'mail.1', '--for', '10m')).exitCode).toBe(0);
    expect(['web1', 'web2'].map((host) => fleet.journal(host, 'held').length)).toEqual([1, 1]);
    expect((await fleet.ask('unhold')).exitCode).toBe(0);
    expect((await fleet.ask('stop')).exitCode).toBe(0);
    expect((await fleet.ask('bootcheck')).exitCode).toBe(0);
    const { states, exitCode } = await fleet.ask('status');
    expect([exitCode, ...states]).toEqual([0, 'web1 done', 'web2 done']);
    expect(['web1', 'web2'].map((host) => asked(fleet, host))).toEqual([1, 1]);
  });

  test('rollout cancel must end the restart on the hosts that have one, and stop the others from being begun', async () => {
    const fleet = createFleet(['web1', 'web2'], { batch: 1 });
    writeFileSync(
      fleet.path('worker'),
      `#!/bin/sh\ntrap 'while [ ! -e "$RIG/go" ]; do sleep 0.1; done; exit 0' TERM\nwhile :; do sleep 0.1; done\n`,
    );
    for (const host of ['web1', 'web2']) fleet.configure(host, { count: 2 });
    expect((await fleet.ask('start')).exitCode).toBe(0);
    expect(await fleet.fleet('rollout', 'cancel')).toMatchObject({ exitCode: 1 });
    const restart = fleet.ask('restart');
    await until('web1 to drain', () => asked(fleet, 'web1') === 1);
    const shown = await fleet.ask('rollout');
    expect(shown.lines).toHaveLength(2);
    const cancel = await fleet.ask('rollout', 'cancel');
    expect(cancel.exitCode, cancel.all).toBe(0);
    expect(cancel.states).toEqual(['web1 done']);
    writeFileSync(fleet.path('go'), '');
    const { exitCode, states, all } = await restart;
    expect(states, all).toEqual(['web1 ended', 'web2 untouched']);
    expect(exitCode).toBe(5);
  });

  test.each([
    ['pause', ['paused', 'paused']],
    ['cancel', ['cancelled', 'cancelled']],
  ])('rollout %s must reach a host whose restart begins meanwhile', async (verb, states) => {
    const fleet = createFleet(['web1', 'web2', 'web3']);
    writeFileSync(
      fleet.path('worker'),
      `#!/bin/sh\ntrap 'while [ ! -e "$RIG/go" ]; do sleep 0.1; done; exit 0' TERM\nwhile :; do sleep 0.1; done\n`,
    );
    for (const host of ['web1', 'web2', 'web3']) fleet.configure(host, { count: 2 });
    expect((await fleet.ask('start')).exitCode).toBe(0);
    await fleet.rig.shell('cd web1 && workerctl restart --no-wait');
    fleet.connect(
      'web1',
      `case $line in *${verb}*) (cd ../web2 && ${fleet.path('bin/workerctl')} restart --no-wait >/dev/null) ;; esac\n`,
    );
    const done = await fleet.ask('rollout', verb);
    expect(done.exitCode, done.all).toBe(0);
    expect(done.states).toEqual(['web1 done', 'web2 done']);
    const { lines } = await fleet.ask('rollout');
    const rollouts = lines.flatMap((line) => line['rollouts'] as { state: string }[]);
    expect(rollouts.map(({ state }) => state)).toEqual(states);
    writeFileSync(fleet.path('go'), '');
  });

  test('logs must search the logs of all hosts, and say what a host refuses', async () => {
    const fleet = await started(['web1', 'web2']);
    const write = (host: string, ...lines: readonly string[]): void => {
      writeFileSync(
        fleet.path(`${host}/log/mail.1.log`),
        lines.map((line) => `${line}\n`).join(''),
      );
    };
    write(
      'web1',
      '2026-01-15T11:00:00Z ERROR before',
      '2026-01-15T12:00:02Z ERROR two it fails',
      '2026-01-15T12:00:04Z INFO four',
    );
    write(
      'web2',
      '{"time":"2026-01-15T12:00:01Z","level":"error","msg":"one it fails"}',
      '2026-01-15T12:00:03Z ERROR three (too late)',
    );
    const options = ['--since', '2026-01-15T12:00:00Z', '--until', '2026-01-15T12:00:02.500Z'];
    const between = await fleet.ask('logs', ...options);
    const found = ({ lines }: FleetRun): string[] =>
      lines.map(
        ({ host, level, line }) =>
          `${String(host)} ${String(level)} ${/one|two|three|four/.exec(String(line))?.[0] ?? ''}`,
      );
    expect(found(between)).toEqual(['web2 error one', 'web1 error two']);
    expect(found(await fleet.ask('logs', '--grep', 't(wo|hree)'))).toEqual([
      'web1 error two',
      'web2 error three',
    ]);
    expect(
      found(await fleet.ask('logs', '--level', 'error', '--since', '2026-01-15T12:00:00Z')),
    ).toEqual(['web2 error one', 'web1 error two', 'web2 error three']);
    const { stdout } = await fleet.fleet('logs', '--raw', '--grep', 'fails');
    expect(stdout.split('\n').filter(Boolean).sort()).toEqual([
      '2026-01-15T12:00:02Z ERROR two it fails',
      '{"time":"2026-01-15T12:00:01Z","level":"error","msg":"one it fails"}',
    ]);
    const refused = await fleet.fleet('logs', '--since', 'yesterdayish');
    expect(refused.exitCode).toBe(1);
    expect(refused.all).toMatch(/web2.*yesterdayish/);
  });

  test('events and logs must be merged, each line with its host', async () => {
    const fleet = await started(['web1', 'web2']);
    writeFileSync(
      fleet.path('web1/log/mail.1.log'),
      '2026-01-15T12:00:02Z two\n2026-01-15T12:00:04Z four\n',
    );
    writeFileSync(
      fleet.path('web2/log/mail.1.log'),
      '2026-01-15T12:00:01Z one\n2026-01-15T12:00:03Z three\n',
    );
    const { lines } = await fleet.ask('logs');
    expect(
      lines.map(({ host, line }) => `${String(host)} ${String(line).split(' ')[1] ?? ''}`),
    ).toEqual(['web2 one', 'web1 two', 'web2 three', 'web1 four']);
    const { stdout } = await fleet.fleet('logs');
    expect(stdout).toMatch(/^web2 mail\.1 \| 2026-01-15T12:00:01Z one$/m);
    const events = await fleet.ask('events', '--kind', 'started');
    expect(events.lines.map(({ host }) => host).sort()).toEqual(['web1', 'web2']);
    fleet.connect('web2', refused);
    expect((await fleet.ask('events')).exitCode).toBe(4);
  });

  test('doctor must name what differs between hosts, and who cannot be reached', async () => {
    const fleet = await started(['web1', 'web2', 'web3']);
    fleet.configure('web2', { count: 2 });
    fleet.connect(
      'web3',
      'echo "deploy@web3: Permission denied (publickey,password)." >&2; exit 255\n',
    );
    const { exitCode, stdout } = await fleet.fleet('doctor', '--json');
    expect(exitCode).toBe(1);
    const { findings } = JSON.parse(stdout) as { findings: Record<string, string>[] };
    const about = (check: string): string[] =>
      findings
        .filter((one) => one['check'] === check)
        .map(({ level, about: what, found }) => `${level ?? ''} ${what ?? ''}: ${found ?? ''}`);
    expect(about('connections')).toEqual([
      expect.stringMatching(/^problem web3: asks for a password/),
    ]);
    expect(about('configs')).toEqual([
      expect.stringMatching(/^warning configs: differ: \w+ on web1; \w+ on web2/),
    ]);
    expect(about('versions')).toEqual([expect.stringMatching(/^ok /)]);
    expect(about('clocks')).toEqual(['ok clocks: right on 2 hosts']);
    expect(about('releases')).toEqual([
      expect.stringMatching(/^warning releases: differ: web1 on web1; web2 on web2/),
    ]);
    expect(about('boot').join('\n')).toMatch(/web1: cron/);
  });

  test('fleet.yaml must be refused with file, line and column of each problem', async () => {
    const fleet = createFleet(['web1']);
    writeFileSync(
      fleet.path('fleet.yaml'),
      'hosts:\n  -oProxyCommand=x:\n  web1: {grups: [a]}\ncanary: web9\nbatch: 0\nmaxfailed: 1\n',
    );
    const { exitCode, stderr } = await fleet.fleet('status');
    expect(exitCode).toBe(78);
    expect(stderr).toContain('fleet.yaml:2:3: hosts.');
    expect(stderr).toMatch(
      /fleet\.yaml:3:10: hosts\.web1\.grups: found an unknown key; did you mean "groups"\?/,
    );
    expect(stderr).toMatch(/fleet\.yaml:5:8: batch: expected/);
    writeFileSync(fleet.path('fleet.yaml'), 'hosts: {web1: , web2: }\ncanary: web3\n');
    expect((await fleet.fleet('status')).stderr).toMatch(
      /fleet\.yaml:2:9: canary: expected one of the hosts, or none, found "web3"; did you mean "web[12]"\?/,
    );
  });

  test('words must reach the host as they are, whatever is in them', async () => {
    const fleet = createFleet(['web1']);
    const odd = `it's $(touch ${fleet.path('pwned')}) \`id\` * && rm -rf x`;
    await fleet.fleet('status', odd, '--json');
    const said = readOr(fleet.path('web1/lines'), '');
    expect(said).toContain('$(touch');
    expect(existsSync(fleet.path('pwned'))).toBe(false);
    expect((await fleet.ask('status', odd)).hosts[0]?.problem).toContain(odd);
  });
});
