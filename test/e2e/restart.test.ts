import { existsSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { booted, successor, type InstanceHandle } from '../rig/instance.ts';
import { isStillThere, processAt } from '../rig/kernel.ts';
import { deathOf, eventsIn, resultIn, story } from '../rig/output.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, expectQuiet, removeState, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

const drains = { command: fixture('drains-after-job') };

/** Three running instances, the third of them busy with a job. */
async function oneBusyOfThree(): Promise<{
  rig: Rig;
  idle: InstanceHandle[];
  busy: InstanceHandle;
  old: number;
}> {
  const rig = createRig({ mail: { ...drains, count: 3 } });
  await rig.start();
  const busy = rig.instance('mail.3');
  await busy.giveJob();
  const idle = [rig.instance('mail.1'), rig.instance('mail.2')];
  return { rig, idle, busy, old: await booted(busy) };
}

/** Waits until another process than the first runs in the instance's place. */
const replaced = (instance: InstanceHandle): Promise<number> =>
  until(`${instance.name} to be replaced`, () => {
    const [first] = instance.boots();
    const pid = instance.pid();
    return pid !== undefined && pid !== first && instance.boots().includes(pid) ? pid : undefined;
  });

test('restart --graceful must replace the idle while the busy one still drains, and finish its job', async () => {
  const { rig, idle, busy, old } = await oneBusyOfThree();
  const restarting = rig.act('restart', '--graceful');
  for (const instance of idle) await replaced(instance);
  await busy.asked();
  expect(busy.processes()).toEqual([old]);
  expect(busy.done()).toEqual([]);

  busy.finishJob();
  const { exitCode, stderr, of } = await restarting;
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(busy.done()).toEqual([old]);
  for (const instance of [...idle, busy]) {
    const fresh = await replaced(instance);
    const [first] = instance.boots();
    expect(instance.boots()).toEqual([first, fresh]);
    expect(instance.terms()).toEqual([first]);
    expect(instance.processes()).toEqual([fresh]);
  }
  const left = of('exited').find(({ pid }) => pid === old);
  expect(left).toMatchObject({ instance: 'mail.3' });
  expect(deathOf(left)).toEqual({ status: 0 });
});

test.each([
  ['all', ['stop'], 1, /^nothing restarted: 3 are stopped on purpose \(workerctl start\)$/m],
  ['one', ['stop', 'mail.1'], 0, /^2 of 2 .*, 1 stopped on purpose, none killed$/m],
  ['all held', ['hold'], 0, /^nothing restarted: 3 held, still on \S+ \(workerctl unhold\)$/m],
  ['one held', ['hold', 'mail.1'], 0, /^2 of 2 .*, 1 held, still on \S+, none killed$/m],
  ['no longer any', ['want', '0', 'mail'], 0, /^nothing to restart$/m],
])(
  'restart after %s: its exit code must be that of what was asked',
  async (_, before, code, words) => {
    const rig = createRig({ mail: { ...drains, count: 3 } });
    await rig.start();
    expect((await rig.workerctl(...before)).exitCode).toBe(0);
    const waited = await rig.workerctl('restart');
    expect(waited.stdout).toMatch(words);
    expect(waited.exitCode).toBe(code);
    const result = resultIn((await rig.workerctl('restart', '--json', '--no-wait')).stdout);
    expect(result.exit_code).toBe(code);
    if (code === 1) expect(result.outcome).toBe('failed');
  },
);

test('a waiting restart must notice that state.json and its copy were removed, say so and end with 1', async () => {
  const { rig, busy, old } = await oneBusyOfThree();
  const restarting = rig.workerctl('restart');
  await busy.asked();
  removeState(rig);
  const { exitCode, stdout } = await restarting;
  expect(exitCode, stdout).toBe(1);
  expect(stdout).toContain('state.json was removed');
  expect(busy.processes()).toEqual([old]);
});

test('restart must list what it waits for, after a moment', async () => {
  const { rig, busy, old } = await oneBusyOfThree();
  const restarting = rig.workerctl('restart');
  let said = '';
  restarting.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await until('a sign of life', () => said.includes('waiting for'));
  expect(said).toMatch(new RegExp(`^\\d\\S+ waiting for .*\\b1 of 3\\b.*mail\\.3.*${old}`, 'm'));
  busy.finishJob();
  expect((await restarting).exitCode).toBe(0);
});

test('restart must start what is missing', async () => {
  const rig = createRig({ mail: { ...drains, count: 2 } });
  await rig.start('mail.1');
  expect((await rig.workerctl('restart')).exitCode).toBe(0);
  expect(rig.instance('mail.2').processes()).toHaveLength(1);
  expect(rig.instance('mail.1').boots()).toHaveLength(2);
});

test('restart of a target must leave the others alone', async () => {
  const { rig, idle, busy, old } = await oneBusyOfThree();
  expect((await rig.workerctl('restart', 'mail.1')).exitCode).toBe(0);
  expect(idle.map((instance) => instance.boots().length)).toEqual([2, 1]);
  expect(busy.processes()).toEqual([old]);
  expect(busy.terms()).toEqual([]);
});

test('restart --wait must end with 124 and a list of what drains, and a later bootcheck must finish it', async () => {
  const { rig, idle, busy, old } = await oneBusyOfThree();
  const { exitCode, result } = await rig.act('restart', '--graceful', '--wait', '2s');
  expect(exitCode).toBe(124);
  expect(result()).toMatchObject({
    outcome: 'timed_out',
    draining: [{ instance: 'mail.3', pid: old }],
  });
  for (const instance of idle) expect(instance.boots()).toHaveLength(2);

  busy.finishJob();
  await busy.left(old);
  expect((await rig.workerctl('bootcheck')).exitCode).toBe(0);
  await replaced(busy);
  expect(busy.terms()).toEqual([old]);
  expect(busy.done()).toEqual([old]);
  await expectQuiet(rig);
});

test('restart --wait --json must list what drains, and print nothing but JSON', async () => {
  const { rig, old } = await oneBusyOfThree();
  const { exitCode, stdout, stderr } = await rig.workerctl('restart', '--wait', '2s', '--json');
  expect({ exitCode, stderr }).toEqual({ exitCode: 124, stderr: '' });
  expect(resultIn(stdout)).toMatchObject({
    command: 'restart',
    outcome: 'timed_out',
    exit_code: 124,
    draining: [{ instance: 'mail.3', pid: old }],
    pending: ['mail.3'],
  });
  expect(eventsIn(stdout).filter(({ kind }) => kind === 'started')).toMatchObject([
    { instance: 'mail.1' },
    { instance: 'mail.2' },
  ]);
});

test('restart --no-wait must ask one, end with 0 at once, and leave the rest to bootcheck', async () => {
  const { rig, idle, busy, old } = await oneBusyOfThree();
  const before = idle.map((instance) => instance.pid());
  const { exitCode, story } = await rig.act('restart', '--no-wait');
  expect(exitCode).toBe(0);
  expect(story()).toEqual(['draining mail.1']);
  const [canary, other] = idle;
  await canary?.left(before[0] ?? 0);
  expect([other?.terms(), busy.terms()]).toEqual([[], []]);
  busy.finishJob();
  await until('bootchecks to replace all', async () => {
    expect((await rig.workerctl('bootcheck')).exitCode).toBe(0);
    return [...idle, busy].every((instance) => instance.boots().length === 2);
  });
  for (const instance of [...idle, busy]) {
    await replaced(instance);
    expect(instance.terms()).toEqual([instance.boots()[0]]);
  }
  expect(busy.done()).toEqual([old]);
});

test('restart --no-wait --no-canary must ask all, end with 0 at once, and leave the starts to bootcheck', async () => {
  const { rig, idle, busy, old } = await oneBusyOfThree();
  const before = idle.map((instance) => instance.pid());
  const { exitCode, story } = await rig.act('restart', '--no-wait', '--no-canary');
  expect(exitCode).toBe(0);
  expect(story()).toEqual(['draining mail.1', 'draining mail.2', 'draining mail.3']);
  for (const instance of idle) await instance.left(instance.boots()[0] ?? 0);
  expect((await rig.workerctl('bootcheck')).exitCode).toBe(0);
  for (const [index, instance] of idle.entries()) {
    const fresh = await replaced(instance);
    expect(instance.boots()).toEqual([before[index], fresh]);
    expect(instance.terms()).toEqual([before[index]]);
  }
  expect(busy.processes()).toEqual([old]);
});

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  test(`${signal} while restart waits must end it with ${code} and a list of what drains, and lose nothing`, async () => {
    const { rig, idle, busy, old } = await oneBusyOfThree();
    const restarting = rig.workerctl('restart', '--graceful', '--json');
    await busy.asked();
    for (const instance of idle) await replaced(instance);
    restarting.kill(signal);
    const { exitCode, stdout } = await restarting;
    expect(exitCode).toBe(code);
    expect(resultIn(stdout)).toMatchObject({
      outcome: 'interrupted',
      draining: [{ instance: 'mail.3', pid: old }],
    });
    expect(busy.processes()).toEqual([old]);

    await expectQuiet(rig);
    busy.finishJob();
    await busy.left(old);
    expect((await rig.workerctl('bootcheck')).exitCode).toBe(0);
    await replaced(busy);
    expect(busy.terms()).toEqual([old]);
    expect(busy.done()).toEqual([old]);
  });
}

test('Ctrl-C at a terminal must reach neither the workers nor their shims', async () => {
  const { rig, busy, old } = await oneBusyOfThree();
  const shim = Number(busy.record()['shim_pid']);
  const restarting = rig.shell('exec setsid workerctl restart');
  await busy.asked();
  const pid = restarting.pid ?? 0;
  await until('a process group of its own', () => processAt(pid)?.session === pid);
  process.kill(-pid, 'SIGINT');
  const { exitCode, all } = await restarting;
  expect(exitCode, all).toBe(130);
  expect(busy.processes()).toEqual([old]);
  expect(processAt(shim)).toBeDefined();
});

test('a second restart while one still drains must send no second TERM, and wait for it', async () => {
  const { rig, busy, old } = await oneBusyOfThree();
  expect((await rig.workerctl('restart', '--no-wait', '--no-canary')).exitCode).toBe(0);
  await until('its TERM', () => busy.terms().length === 1);
  const { exitCode } = await rig.workerctl('restart', '--wait', '300ms', 'mail.3');
  expect(exitCode).toBe(124);
  const waiting = rig.workerctl('restart', 'mail.3');
  busy.finishJob();
  expect((await waiting).exitCode).toBe(0);
  const fresh = await replaced(busy);
  expect(busy.terms()).toEqual([old]);
  expect(busy.boots()).toEqual([old, fresh]);
});

test('bootcheck must carry on a restart whose command was killed', async () => {
  const { rig, busy, old } = await oneBusyOfThree();
  const restarting = rig.workerctl('restart');
  await busy.asked();
  restarting.kill('SIGKILL');
  await restarting;
  for (;;) {
    const { exitCode } = await rig.workerctl('bootcheck');
    if (exitCode === 0) break;
    expect(exitCode).toBe(75);
  }
  expect(busy.processes()).toEqual([old]);
  busy.finishJob();
  await busy.left(old);
  await until('bootcheck to replace all', async () => {
    await rig.workerctl('bootcheck');
    return rig.instance('mail.1').boots().length === 2 && busy.boots().length === 2;
  });
  expect(busy.terms()).toEqual([old]);
  for (const name of ['mail.1', 'mail.2', 'mail.3'])
    expect(rig.instance(name).processes()).toHaveLength(1);
});

test('a replacement that dies must end restart with 1 and its log lines, and leave the others running', async () => {
  const rig = createRig({
    bad: { command: fixture('dies-if-broken'), ready: { after: '20s' }, count: 2 },
    good: drains,
  });
  await rig.workerctl('start', '--no-wait');
  const bad = rig.instance('bad.1');
  const old = await booted(bad);
  await booted(rig.instance('bad.2'));
  writeFileSync(rig.path('broken'), '');
  const { exitCode, of } = await rig.act('restart');
  expect(exitCode).toBe(1);
  expect(of('start_failed')).toMatchObject([
    { instance: 'bad.1', log: ['cannot load the new code'] },
  ]);
  expect(of('rollout_aborted')).toMatchObject([{ instance: 'bad.1' }]);
  expect(bad.terms()).toEqual([old]);
  const other = rig.instance('bad.2');
  expect(other.terms()).toEqual([]);
  expect(other.processes()).toEqual(other.boots());
  expect(rig.instance('good.1').processes()).toHaveLength(1);
});

test('a replacement that dies after it was ready must be reported as that, and not be counted as running', async () => {
  const rig = createRig({
    mail: { ...drains, count: 2, ready: { after: '10ms' }, backoff: { initial: '20s' } },
  });
  await rig.start();
  const [one, two] = [rig.instance('mail.1'), rig.instance('mail.2')];
  const old = await booted(one);
  await two.giveJob();
  const restart = rig.workerctl('restart', '--no-canary');
  await two.asked();
  const first = await successor(one, old);
  await until('it to be ready', () => rig.journal('ready').some(({ pid }) => pid === first));
  process.kill(first, 'SIGKILL');
  await until('its death to be seen', () => rig.journal('start_failed').length > 0);
  two.finishJob();
  const { exitCode, all } = await restart;
  expect(exitCode, all).toBe(1);
  expect(all).toContain(
    `mail.1: start failed: pid ${first} died soon after it was ready: signal 9 (SIGKILL)`,
  );
  expect(all).toMatch(/^1 of 2 on .*, 1 failed, none killed$/m);
});

test('restart must leave an instance alone that was stopped on purpose', async () => {
  const rig = createRig({ mail: { ...drains, count: 2 } });
  await rig.start();
  expect((await rig.workerctl('stop', 'mail.2')).exitCode).toBe(0);
  const { exitCode, of } = await rig.act('restart');
  expect(exitCode).toBe(0);
  expect(of('skipped_stopped')).toMatchObject([{ instance: 'mail.2' }]);
  expect(rig.instance('mail.1').boots()).toHaveLength(2);
  expect(rig.instance('mail.2').boots()).toHaveLength(1);
});

test('a stop while restart waits must keep that instance down, and restart end with 0', async () => {
  const { rig, busy, old } = await oneBusyOfThree();
  const restarting = rig.workerctl('restart');
  await busy.asked();
  expect((await rig.workerctl('stop', '--no-wait', 'mail.3')).exitCode).toBe(0);
  busy.finishJob();
  expect((await restarting).exitCode).toBe(0);
  expect(busy.boots()).toEqual([old]);
  expect(busy.terms()).toEqual([old]);
});

test('of two restarts at once the later must take over, and each process must be asked once', async () => {
  const { rig, idle, busy, old } = await oneBusyOfThree();
  let said = '';
  const both = [1, 2].map(() => rig.workerctl('restart', '--json'));
  for (const { stdout } of both) stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await busy.asked();
  await until('one to take over', () => /"rollout_superseded".*"mail\.3"/.test(said));
  busy.finishJob();
  const outcomes = await Promise.all(both);
  expect(outcomes.map(({ exitCode }) => exitCode).sort(), said).toEqual([0, 5]);
  const events = outcomes.flatMap(({ stdout }) => eventsIn(stdout));
  expect(story(events, 'rollout_superseded')).toContain('rollout_superseded mail.3');
  expect(story(events, 'start_failed')).toEqual([]);
  expect(busy.done()).toEqual([old]);
  for (const instance of [...idle, busy]) {
    await booted(instance);
    expect(new Set(instance.terms()).size).toBe(instance.terms().length);
    expect(instance.processes()).toEqual([instance.boots().at(-1)]);
  }
});

test('a restart whose replacement a later restart replaces must end with 5, and say that it was taken over', async () => {
  const rig = createRig({ mail: { ...drains, ready: { after: '1500ms' } } });
  await rig.start();
  const mail = rig.instance('mail.1');
  const first = rig.act('restart');
  const second = await replaced(mail);
  const { exitCode } = await rig.workerctl('restart');
  expect(exitCode).toBe(0);
  const { exitCode: firstCode, all, story } = await first;
  expect(firstCode, all).toBe(5);
  expect(story('rollout_superseded', 'start_failed')).toEqual(['rollout_superseded mail.1']);
  expect(mail.terms()).toEqual(mail.boots().slice(0, 2));
  expect(mail.boots()[1]).toBe(second);
  expect(mail.processes()).toEqual([mail.boots()[2]]);
});

test('bootcheck must not replace again what restart has replaced', async () => {
  const { rig, idle } = await oneBusyOfThree();
  await rig.workerctl('restart', '--wait', '2s');
  const living = idle.map((instance) => instance.process());
  await expectQuiet(rig);
  expect(living.every((each) => each !== undefined && isStillThere(each))).toBe(true);
});

test('restart must send the configured signal', async () => {
  const rig = createRig({ mail: { ...drains, command: fixture('idle'), stop: { signal: 'INT' } } });
  await rig.start();
  const old = rig.instance('mail.1').pid();
  const { exitCode, of } = await rig.act('restart');
  expect(exitCode).toBe(0);
  const [asked] = of('draining');
  expect(asked).toMatchObject({ instance: 'mail.1', pid: old });
  expect(String(asked?.['signal'])).toMatch(/INT$/);
  expect(deathOf(of('exited')[0])).toEqual({ signal: 'SIGINT' });
});

test('a restart must go on where it began, also if the config has another state directory by now', async () => {
  const { rig, idle, busy, old } = await oneBusyOfThree();
  const restarting = rig.act('restart');
  for (const instance of idle) await replaced(instance);
  await busy.asked();
  // The look that starts the last replacement waits until the file is whole.
  rig.configure({ mail: { ...drains, count: 3 } }, { state_dir: 'elsewhere' });
  busy.finishJob();
  const { exitCode, of, all } = await restarting;
  expect(exitCode, all).toBe(0);
  expect(of('ready').map(({ instance }) => instance)).toContain('mail.3');
  expect(busy.processes()).not.toContain(old);
  expect(busy.processes()).toEqual([busy.pid()]);
  expect(existsSync(rig.path('elsewhere'))).toBe(false);
});
