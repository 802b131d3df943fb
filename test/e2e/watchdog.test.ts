import { execa } from 'execa';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { booted, successor, termed, type InstanceHandle } from '../rig/instance.ts';
import { environmentOf, isStillThere, processAt, stateOf } from '../rig/kernel.ts';
import { eventsIn } from '../rig/output.ts';
import { fixture, heard } from '../rig/programs.ts';
import { createRig, statesOf, type Rig, type WorkerKeys } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

const beats: WorkerKeys = { command: fixture('beats') };

/** Starts all workers, and a watch that keeps an eye on them. */
async function watched(rig: Rig, ...args: readonly string[]): Promise<() => string> {
  await rig.start();
  const said = heard(rig.workerctl('watch', ...args));
  if (!args.includes('--json')) await until('watch', () => said().includes('workerctl watch: pid'));
  return said;
}

const silence = (rig: Rig, pid: number): void => {
  writeFileSync(rig.path(`${pid}.silent`), '');
};

/** How often a pattern is in a text. */
const count = (text: string, pattern: RegExp): number =>
  [...text.matchAll(new RegExp(pattern, 'gm'))].length;

const dumps = (rig: Rig, { name }: InstanceHandle): number[] =>
  readOr(rig.path(`${name}.dumps`), '')
    .split('\n')
    .filter(Boolean)
    .map(Number);

test('a silent worker must be dumped, killed with its session, told so once each, and replaced', async () => {
  const heartbeat = { timeout: '2s', dump: 'QUIT', grace: '300ms' };
  const rig = createRig({ mail: { ...beats, count: 2, heartbeat } });
  const said = await watched(rig);
  const mail = rig.instance('mail.1');
  const old = await booted(mail);
  const child = processAt(Number(readOr(rig.path('mail.1.child'), '')));
  expect(child).toBeDefined();
  silence(rig, old);
  await successor(mail, old);
  await until('its replacement to be told', () => /^\S+ mail\.1: started pid/m.test(said()));

  const words = [
    `^\\S+ mail\\.1: told pid ${old} to write down what it is doing \\(QUIT\\): no sign of life for \\S+ \\(limit 2s\\)$`,
    `^\\S+ Watchdog killing worker ${old} \\(mail\\.1\\): no sign of life for \\S+ \\(limit 2s\\)$`,
    `^\\S+ Child ${old} \\(mail\\.1\\) died: 9 \\(expected\\): signal 9 \\(SIGKILL\\)$`,
    '^\\S+ Job mail has only 1, wants 2, making 1\\.$',
    `^\\S+ mail\\.1: started pid \\d+: .*$`,
  ];
  for (const one of words) expect(count(said(), new RegExp(one)), `${one}\n${said()}`).toBe(1);
  expect(said()).toMatch(new RegExp(words.map((one) => `${one}\\n`).join('[^]*'), 'm'));
  expect(dumps(rig, mail)).toEqual([old]);
  expect(mail.boots()).toHaveLength(2);
  expect(mail.terms()).toEqual([]);
  expect(child && isStillThere(child), 'its child, which ignores TERM, lives').toBe(false);
  expect(rig.instance('mail.2').boots(), 'who beats was killed').toHaveLength(1);
});

test('the hook unresponsive must be told whom the watchdog kills, once', async () => {
  const hooks = { unresponsive: ['sh', '-c', 'cat >>hooked; echo >>hooked'] };
  const rig = createRig({ mail: { ...beats, heartbeat: { timeout: '1s' }, hooks } });
  await watched(rig);
  const mail = rig.instance('mail.1');
  const old = await booted(mail);
  silence(rig, old);
  await successor(mail, old);
  const lines = await until('the hook', () => {
    const text = readOr(rig.path('hooked'), '').split('\n').filter(Boolean);
    return text.length > 0 && text;
  });
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    kind: 'unresponsive',
    instance: 'mail.1',
    pid: old,
  });
  const hooked = (): number =>
    count(readOr(`${rig.stateDir}/events.ndjson`, ''), /"kind":"hooked"/);
  await until('the journal to have it', () => hooked() === 1);
});

test('who never beats must be killed its timeout after its start, and who was stopped by a signal as well', async () => {
  const heartbeat = { timeout: '1500ms' };
  const rig = createRig({
    never: { command: fixture('idle'), heartbeat },
    stopped: { ...beats, heartbeat: { ...heartbeat, dump: 'QUIT', grace: '0s' } },
    free: { command: fixture('idle') },
  });
  const said = await watched(rig, '--json');
  const stopped = rig.instance('stopped.1');
  const frozen = await booted(stopped);
  process.kill(frozen, 'SIGSTOP');
  const never = rig.instance('never.1');
  const first = await booted(never);
  const second = await successor(never, first);
  await until('the replacement to be replaced', () => never.boots().length > 2);
  await successor(stopped, frozen);
  const events = eventsIn(said().slice(0, said().lastIndexOf('\n')));
  const at = (kind: string, pid: number): number =>
    Date.parse(events.find((one) => one.kind === kind && one['pid'] === pid)?.at ?? '');
  expect(at('killed', second) - at('started', second)).toBeGreaterThanOrEqual(1500);
  for (const one of events.filter(({ kind }) => kind === 'killed'))
    expect(one).toMatchObject({ is_watchdog: true });
  expect(rig.instance('free.1').boots(), 'who needs no heartbeat was killed').toHaveLength(1);
});

test('who drains and who leaves beside his replacement must be watched, and never be killed while he beats', async () => {
  const heartbeat = { timeout: '2s' };
  const rig = createRig({
    mail: { ...beats, heartbeat },
    maps: { ...beats, heartbeat, restart: { overlap: true } },
  });
  const said = await watched(rig);
  const [mail, maps] = [rig.instance('mail.1'), rig.instance('maps.1')];
  const [draining, retiring] = [await booted(mail), await booted(maps)];
  const [drainer, leaver] = [processAt(draining), processAt(retiring)];
  expect((await rig.workerctl('stop', '--no-wait', 'mail')).exitCode).toBe(0);
  expect((await rig.workerctl('restart', '--no-wait', 'maps')).exitCode).toBe(0);
  await termed(mail, draining);
  const replacement = await successor(maps, retiring);
  expect(await statesOf(rig)).toEqual(
    expect.arrayContaining(['mail.1 draining', 'maps.1 leaving']),
  );
  const begun = performance.now();
  await until('more than the limit to pass', () => performance.now() - begun > 3_000);
  expect(said()).not.toContain('Watchdog');
  expect([drainer, leaver].map((one) => one && isStillThere(one))).toEqual([true, true]);

  silence(rig, draining);
  silence(rig, retiring);
  await until('both to be killed', () =>
    [drainer, leaver].every((one) => one && !isStillThere(one)),
  );
  // They may be found silent in two passes: then the second kill is told behind the first death.
  for (const words of [
    `Watchdog killing worker ${draining} (mail.1)`,
    `Watchdog killing worker ${retiring} (maps.1 (leaving))`,
    `Child ${draining} (mail.1) died: 9 (expected)`,
  ])
    await until(words, () => said().includes(words));
  expect(mail.boots(), 'what was stopped was started').toHaveLength(1);
  expect(maps.pid()).toBe(replacement);
});

test('a sign of life during the grace must save a worker, and give it its grace again the next time', async () => {
  const heartbeat = { timeout: '1s', dump: 'QUIT', grace: '15s' };
  const rig = createRig({ mail: { ...beats, heartbeat } });
  const said = await watched(rig);
  const mail = rig.instance('mail.1');
  const pid = await booted(mail);
  writeFileSync(rig.path(`${pid}.mends`), '');
  for (const times of [1, 2]) {
    silence(rig, pid);
    await until(`dump ${times}`, () => dumps(rig, mail).length === times);
    await until('it to mend', () => !existsSync(rig.path(`${pid}.silent`)));
    const { WORKERCTL_HEARTBEAT_FILE: file = '' } = environmentOf(pid);
    rmSync(file);
    await until('its next sign of life', () => existsSync(file));
  }
  expect(count(said(), /told pid \d+ to write down/)).toBe(2);
  expect(said()).not.toContain('Watchdog');
  expect(mail.boots()).toEqual([pid]);
});

test('bootcheck must do the same, when two runs have seen the same silence', async () => {
  const rig = createRig({ mail: { ...beats, heartbeat: { timeout: '1s' } } });
  await rig.start();
  const mail = rig.instance('mail.1');
  const pid = await booted(mail);
  const quiet = async (): Promise<void> => {
    const { exitCode, all } = await rig.workerctl('bootcheck');
    expect({ exitCode, all }).toEqual({ exitCode: 0, all: '' });
  };
  /** Lets the timeout pass by the only clock that counts. */
  const pass = async (): Promise<void> => {
    const begun = performance.now();
    await until('the timeout to be over', () => performance.now() - begun > 1_100);
  };
  await quiet();
  await pass();
  await quiet(); // it has beaten meanwhile
  const { WORKERCTL_HEARTBEAT_FILE: file = '' } = environmentOf(pid);
  rmSync(file);
  await until('a sign of life that nobody has seen yet', () => existsSync(file));
  silence(rig, pid);
  await pass();
  await quiet(); // a silence that began unseen
  await pass();
  const { exitCode, all } = await rig.workerctl('bootcheck');
  expect(exitCode).toBe(0);
  expect(all).toMatch(
    new RegExp(
      `Watchdog killing worker ${pid} \\(mail\\.1\\): no sign of life for \\S+ \\(limit 1s\\)`,
    ),
  );
  expect(processAt(pid)).toBeUndefined();
  expect(all, 'its successor must be started in the same run').toMatch(
    new RegExp(
      `Watchdog killing worker ${pid}[^]*\\n\\S+ mail\\.1: started pid \\d+: pid ${pid} died: signal 9 \\(SIGKILL\\)`,
    ),
  );
  await successor(mail, pid);
  await quiet();
  expect(mail.boots()).toHaveLength(2);
});

test('bootcheck must look a second time before it kills: a frozen container needs a moment', async () => {
  const rig = createRig({ mail: { ...beats, heartbeat: { timeout: '6s' } } });
  await rig.start();
  const mail = rig.instance('mail.1');
  const pid = await booted(mail);
  silence(rig, pid);
  const begun = performance.now();
  expect((await rig.workerctl('bootcheck')).all).toBe('');
  await until('it to be silent for too long', () => performance.now() - begun > 6_500);
  const second = rig.workerctl('bootcheck');
  // Between its two looks, 1.5 s apart.
  const asked = performance.now();
  await until('it to have looked once', () => performance.now() - asked > 900);
  rmSync(rig.path(`${pid}.silent`));
  const { exitCode, all } = await second;
  expect({ exitCode, all }).toEqual({ exitCode: 0, all: '' });
  expect(mail.boots()).toEqual([pid]);
});

test('bootcheck must replace in the same run whom a restart has asked and whose time was over, and nobody who was stopped', async () => {
  const stop = { timeout: '300ms' };
  const ignores = { command: fixture('ignores-term'), stop };
  const rig = createRig({ mail: ignores, maps: ignores });
  await rig.start();
  const [mail, maps] = [rig.instance('mail.1'), rig.instance('maps.1')];
  const [pid, other] = [await booted(mail), await booted(maps)];
  expect((await rig.workerctl('restart', '--no-wait', 'mail')).exitCode).toBe(0);
  expect((await rig.workerctl('stop', '--no-wait', 'maps')).exitCode).toBe(0);
  const begun = performance.now();
  await until('their time to be over', () => performance.now() - begun > 400);
  const { all } = await rig.workerctl('bootcheck');
  expect(count(all, /: killed pid \d+ and its session/)).toBe(2);
  expect(count(all, /^\S+ mail\.1: started pid/)).toBe(1);
  expect(all).not.toContain('maps.1: started');
  await successor(mail, pid);
  expect(processAt(other)).toBeUndefined();
  expect(maps.processes()).toEqual([]);
});

const canMount = (await execa('unshare', ['-Urm', 'true'], { reject: false })).exitCode === 0;

test.runIf(canMount)('on a full disk a watch must kill nobody, and say so once', async () => {
  const rig = createRig({ mail: { command: fixture('idle'), heartbeat: { timeout: '1s' } } });
  mkdirSync(`${rig.stateDir}/heartbeats`, { recursive: true });
  const full =
    'mount -t tmpfs -o size=4k none .workerctl/heartbeats; head -c 9999 /dev/zero >.workerctl/heartbeats/x 2>/dev/null';
  const running = rig.shell(`exec unshare -Urm sh -c '${full}; exec workerctl watch'`);
  const said = heard(running);
  const mail = rig.instance('mail.1');
  const pid = await booted(mail);
  await until('it to be told', () => said().includes('but the disk is full'));
  const begun = performance.now();
  await until('some more looks', () => performance.now() - begun > 3_000);
  expect(count(said(), /mail\.1: no sign of life for 1s and more, but the disk is full/)).toBe(1);
  expect(said()).not.toContain('Watchdog');
  expect(mail.boots()).toEqual([pid]);
});

test('a stopped worker must not be taken for a ready one', async () => {
  const rig = createRig({ mail: { command: fixture('idle') } });
  await rig.start();
  const pid = await booted(rig.instance('mail.1'));
  process.kill(pid, 'SIGSTOP');
  await until('it to stop', () => stateOf(pid) === 'T');
  const frozen = await rig.workerctl('status');
  expect(frozen.exitCode).toBe(3);
  expect(frozen.stdout).toMatch(/^mail\.1 +frozen .*stopped \(SIGSTOP\)/m);
  process.kill(pid, 'SIGCONT');
  await until('it to go on', () => stateOf(pid) !== 'T');
  expect((await rig.workerctl('status')).exitCode).toBe(0);
});
