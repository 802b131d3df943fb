import { execa } from 'execa';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { booted, successor, termed, type InstanceHandle } from '../rig/instance.ts';
import {
  allPids,
  endProcess,
  environmentOf,
  isStillThere,
  processAt,
  stateOf,
  strings,
} from '../rig/kernel.ts';
import { deathOf, eventsIn, ofKinds, problemOf, story } from '../rig/output.ts';
import { fixture, heard } from '../rig/programs.ts';
import { createRig, statesOf, type Rig, type WorkerKeys } from '../rig/rig.ts';
import { timePasses, until } from '../rig/wait.ts';
import { watching, type Watching } from '../rig/watch.ts';

const beats: WorkerKeys = { command: fixture('beats') };

/** Starts all workers, and a watch. */
async function watched(rig: Rig): Promise<Watching> {
  await rig.start();
  return watching(rig);
}

const silence = (rig: Rig, pid: number): void => {
  writeFileSync(rig.path(`${pid}.silent`), '');
};

const dumps = (rig: Rig, { name }: InstanceHandle): number[] =>
  readOr(rig.path(`${name}.dumps`), '')
    .split('\n')
    .filter(Boolean)
    .map(Number);

test('a silent worker must be dumped, killed with its session, reported once each, and replaced', async () => {
  const heartbeat = { timeout: '2s', dump: 'QUIT', grace: '300ms' };
  const rig = createRig({ mail: { ...beats, count: 2, heartbeat } });
  const watch = await watched(rig);
  const mail = rig.instance('mail.1');
  const old = await booted(mail);
  const child = processAt(Number(readOr(rig.path('mail.1.child'), '')));
  expect(child).toBeDefined();
  silence(rig, old);
  await successor(mail, old);
  await watch.reports('started', { instance: 'mail.1' });

  const kinds = ['dump_requested', 'killed', 'died', 'missing', 'started'] as const;
  const events = watch.events(...kinds);
  expect(events.map(({ kind }) => kind)).toEqual(kinds);
  const [dump, kill, died] = events;
  for (const event of [dump, kill, died])
    expect(event).toMatchObject({ instance: 'mail.1', pid: old });
  expect(kill).toMatchObject({ watchdog: true });
  expect(died).toMatchObject({ verdict: 'requested' });
  expect(deathOf(died)).toEqual({ signal: 'SIGKILL' });
  expect(dumps(rig, mail)).toEqual([old]);
  expect(mail.boots()).toHaveLength(2);
  expect(mail.terms()).toEqual([]);
  expect(child && isStillThere(child), 'its child, which ignores TERM, lives').toBe(false);
  expect(rig.instance('mail.2').boots(), 'a worker that beats was killed').toHaveLength(1);
});

test('the hook unresponsive must be run once for the instance that the watchdog kills', async () => {
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
  await until('the journal to have it', () => rig.journal('hook_run').length === 1);
});

test('a worker that never beats must be killed its timeout after its start, and so must one that SIGSTOP has stopped', async () => {
  const heartbeat = { timeout: '1500ms' };
  const rig = createRig({
    never: { command: fixture('idle'), heartbeat },
    stopped: { ...beats, heartbeat: { ...heartbeat, dump: 'QUIT', grace: '0s' } },
    free: { command: fixture('idle') },
  });
  const watch = await watched(rig);
  const stopped = rig.instance('stopped.1');
  const frozen = await booted(stopped);
  process.kill(frozen, 'SIGSTOP');
  const never = rig.instance('never.1');
  const first = await booted(never);
  const second = await successor(never, first);
  await until('the replacement to be replaced', () => never.boots().length > 2);
  await successor(stopped, frozen);
  const events = watch.events();
  const at = (kind: string, pid: number): number =>
    Date.parse(events.find((one) => one.kind === kind && one['pid'] === pid)?.at ?? '');
  expect(at('killed', second) - at('started', second)).toBeGreaterThanOrEqual(1500);
  for (const one of events.filter(({ kind }) => kind === 'killed'))
    expect(one).toMatchObject({ watchdog: true });
  expect(
    rig.instance('free.1').boots(),
    'a worker that needs no heartbeat was killed',
  ).toHaveLength(1);
});

test('a draining and a retiring process must be watched, and never be killed while they beat', async () => {
  const heartbeat = { timeout: '2s' };
  const rig = createRig({
    mail: { ...beats, heartbeat },
    maps: { ...beats, heartbeat, restart: { overlap: true } },
  });
  const watch = await watched(rig);
  const [mail, maps] = [rig.instance('mail.1'), rig.instance('maps.1')];
  const [draining, retiring] = [await booted(mail), await booted(maps)];
  const [drainer, leaver] = [processAt(draining), processAt(retiring)];
  expect((await rig.workerctl('stop', '--no-wait', 'mail')).exitCode).toBe(0);
  expect((await rig.workerctl('restart', '--no-wait', 'maps')).exitCode).toBe(0);
  await termed(mail, draining);
  const replacement = await successor(maps, retiring);
  expect(await statesOf(rig)).toEqual(
    expect.arrayContaining(['mail.1 draining', 'maps.1 retiring']),
  );
  await timePasses(3_000); // more than the limit
  expect(watch.events('killed')).toEqual([]);
  expect([drainer, leaver].map((one) => one && isStillThere(one))).toEqual([true, true]);

  silence(rig, draining);
  silence(rig, retiring);
  await until('both to be killed', () =>
    [drainer, leaver].every((one) => one && !isStillThere(one)),
  );
  // They may be found silent in two passes: then the second kill is reported after the first death.
  await watch.reports('killed', { instance: 'mail.1', pid: draining, watchdog: true });
  await watch.reports('killed', { instance: 'maps.1', pid: retiring, watchdog: true });
  await watch.reports('died', { instance: 'mail.1', pid: draining, verdict: 'requested' });
  expect(mail.boots(), 'what was stopped was started').toHaveLength(1);
  expect(maps.pid()).toBe(replacement);
});

test('a sign of life during the grace must save a worker, and give it its grace again the next time', async () => {
  const heartbeat = { timeout: '1s', dump: 'QUIT', grace: '15s' };
  const rig = createRig({ mail: { ...beats, heartbeat } });
  const watch = await watched(rig);
  const mail = rig.instance('mail.1');
  const pid = await booted(mail);
  writeFileSync(rig.path(`${pid}.mends`), '');
  for (const times of [1, 2]) {
    silence(rig, pid);
    await until(`dump ${times}`, () => dumps(rig, mail).length === times);
    await until('it to recover', () => !existsSync(rig.path(`${pid}.silent`)));
    const { WORKERCTL_HEARTBEAT_FILE: file = '' } = environmentOf(pid);
    rmSync(file);
    await until('its next sign of life', () => existsSync(file));
  }
  expect(watch.events('dump_requested')).toHaveLength(2);
  expect(watch.events('killed')).toEqual([]);
  expect(mail.boots()).toEqual([pid]);
});

test('bootcheck must do the same if two runs have seen the same silence', async () => {
  const rig = createRig({ mail: { ...beats, heartbeat: { timeout: '1s' } } });
  await rig.start();
  const mail = rig.instance('mail.1');
  const pid = await booted(mail);
  const quiet = async (): Promise<void> => {
    const { exitCode, all } = await rig.workerctl('bootcheck');
    expect({ exitCode, all }).toEqual({ exitCode: 0, all: '' });
  };
  /** Lets the timeout pass by the only clock that counts. */
  const pass = (): Promise<void> => timePasses(1_100);
  await quiet();
  await pass();
  await quiet(); // it has beaten meanwhile
  const { WORKERCTL_HEARTBEAT_FILE: file = '' } = environmentOf(pid);
  rmSync(file);
  await until('a sign of life that no command has seen yet', () => existsSync(file));
  silence(rig, pid);
  await pass();
  await quiet(); // a silence that began unseen
  await pass();
  const { exitCode, of, story } = await rig.act('bootcheck');
  expect(exitCode).toBe(0);
  expect(of('killed')).toMatchObject([{ instance: 'mail.1', pid, watchdog: true }]);
  expect(processAt(pid)).toBeUndefined();
  expect(story('killed', 'started'), 'its successor must be started in the same run').toEqual([
    'killed mail.1',
    'started mail.1',
  ]);
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

test('bootcheck must kill and replace in the same run what a restart has asked and whose limit is over, and not what was stopped', async () => {
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
  const { of, story } = await rig.act('bootcheck');
  expect(of('killed')).toHaveLength(2);
  expect(story('started')).toEqual(['started mail.1']);
  await successor(mail, pid);
  expect(processAt(other)).toBeUndefined();
  expect(maps.processes()).toEqual([]);
});

const canMount = (await execa('unshare', ['-Urm', 'true'], { reject: false })).exitCode === 0;

test.runIf(canMount)('on a full disk a watch must kill nothing, and say so once', async () => {
  const rig = createRig({ mail: { command: fixture('idle'), heartbeat: { timeout: '1s' } } });
  mkdirSync(`${rig.stateDir}/heartbeats`, { recursive: true });
  const full =
    'mount -t tmpfs -o size=4k none .workerctl/heartbeats; head -c 9999 /dev/zero >.workerctl/heartbeats/x 2>/dev/null';
  const running = rig.shell(`exec unshare -Urm sh -c '${full}; exec workerctl watch --json'`);
  const said = heard(running);
  const warnings = (): number => ofKinds(eventsIn(said()), ['warning']).length;
  const mail = rig.instance('mail.1');
  const pid = await booted(mail);
  await until('a warning', () => warnings() > 0);
  await timePasses(3_000); // for some more looks
  expect(warnings()).toBe(1);
  expect(problemOf(ofKinds(eventsIn(said()), ['warning'])[0])).toContain('disk is full');
  expect(story(eventsIn(said()), 'killed')).toEqual([]);
  expect(mail.boots()).toEqual([pid]);
});

test('a worker that SIGSTOP has stopped must not count as ready', async () => {
  const rig = createRig({ mail: { command: fixture('idle') } });
  await rig.start();
  const pid = await booted(rig.instance('mail.1'));
  process.kill(pid, 'SIGSTOP');
  await until('it to stop', () => stateOf(pid) === 'T');
  const frozen = await rig.workerctl('status');
  expect(frozen.exitCode).toBe(3);
  expect(await statesOf(rig)).toEqual(['mail.1 frozen']);
  process.kill(pid, 'SIGCONT');
  await until('it to go on', () => stateOf(pid) !== 'T');
  expect((await rig.workerctl('status')).exitCode).toBe(0);
});

const notifier = `use Socket; $| = 1;
while (1) { socket(my $s, AF_UNIX, SOCK_DGRAM, 0); if (connect($s, pack_sockaddr_un($ENV{NOTIFY_SOCKET}))) {
send($s, $_, 0) for "READY=1", "WATCHDOG=1" } select undef, undef, undef, 0.1 }`;

test.runIf(existsSync('/usr/bin/perl'))(
  'a process must not be killed for what the watch could not receive',
  async () => {
    const mail = {
      command: ['perl', '-e', notifier],
      ready: { notify: true },
      heartbeat: { timeout: '2s' },
    };
    const rig = createRig({ mail }, { defaults: { ready: {} } });
    const watch = await watching(rig);
    await until('it to be ready', async () => (await statesOf(rig)).includes('mail.1 ready'));
    const pid = rig.instance('mail.1').pid() ?? 0;
    const receiver = (): number | undefined =>
      allPids().find((one) => strings(one, 'cmdline').includes(`${rig.stateDir}/notify.sock`));
    await timePasses(500); // it has said that it lives
    // The next one comes after 0.1 s, then 1 s, then 5 s: longer than the limit.
    for (let round = 0; round < 3; round += 1)
      await endProcess(await until('a receiver', receiver));
    await timePasses(4_000);
    expect(watch.events('unresponsive', 'killed')).toEqual([]);
    expect(processAt(pid)).toBeDefined();
    expect(
      watch
        .events('warning')
        .map(({ problem }) => problem)
        .join(),
    ).toContain('sd_notify has ended');
  },
);
