import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { booted, successor } from '../rig/instance.ts';
import { isAlive } from '../rig/kernel.ts';
import { problemOf } from '../rig/output.ts';
import { fixture, isRoot } from '../rig/programs.ts';
import { createRig, type Rig, type WorkerKeys } from '../rig/rig.ts';
import { timePasses, until } from '../rig/wait.ts';
import { askControl, watching } from '../rig/watch.ts';

// Ready at once: an instance that dies before it is ready is not restarted at once.
const idle: WorkerKeys = { command: fixture('idle'), ready: { after: '0s' } };
const drains: WorkerKeys = { command: fixture('drains-after-job') };

interface Obstacle {
  readonly set: (rig: Rig) => void;
  readonly remove: (rig: Rig) => void;
  readonly problem: RegExp;
}

const inPlaceOf = (path: string, put: (path: string) => void): Omit<Obstacle, 'problem'> => ({
  set: ({ stateDir }) => {
    const at = join(stateDir, path);
    if (existsSync(at)) renameSync(at, `${at}.kept`);
    put(at);
  },
  remove: ({ stateDir }) => {
    const at = join(stateDir, path);
    rmSync(at, { recursive: true });
    if (existsSync(`${at}.kept`)) renameSync(`${at}.kept`, at);
  },
});

const aFolder = (path: string): void => {
  mkdirSync(path);
};
const aText = (path: string): void => {
  writeFileSync(path, 'not what was expected');
};
const ownedBy =
  (user: number) =>
  ({ stateDir }: Rig): void => {
    chownSync(stateDir, user, user);
  };

const obstacles: Record<string, Obstacle> = {
  'a lock file that is a directory': { ...inPlaceOf('pass.lock', aFolder), problem: /pass\.lock/ },
  'a ledger that cannot be written': { ...inPlaceOf('ledger', aText), problem: /ledger/ },
};

const trouble = Object.entries(obstacles);
if (isRoot)
  trouble.push([
    'a state directory of another user',
    { set: ownedBy(65534), remove: ownedBy(0), problem: /belongs to/ },
  ]);

test.each(trouble)(
  '%s must be reported once, be survived, and be reported when it is over',
  async (_, { set, remove, problem }) => {
    const rig = createRig({ mail: idle });
    const watch = await watching(rig);
    const mail = rig.instance('mail.1');
    const pid = await booted(mail);
    await watch.quiet();
    expect(await askControl(rig.stateDir, '!health')).toBe('ok\r\n.\r\n');
    set(rig);
    process.kill(pid, 'SIGKILL');
    const impaired = await watch.reports('watch_impaired', { instance: 'watch' });
    expect(problemOf(impaired)).toMatch(problem);
    expect(await askControl(rig.stateDir, '!health')).toMatch(/^ERROR: for .*: /);
    await timePasses(3_500); // two more attempts
    expect(watch.events('watch_impaired')).toHaveLength(1);
    remove(rig);
    await successor(mail, pid);
    await watch.reports('watch_recovered', { problem: impaired['problem'] });
    expect(watch.events('died')).toHaveLength(1);
    expect(watch.events('missing').length).toBeLessThanOrEqual(2);
    expect(await askControl(rig.stateDir, '!health')).toBe('ok\r\n.\r\n');
    expect(rig.journal('watch_impaired', 'watch_recovered')).toHaveLength(2);
    expect(watch.running.exitCode).toBeNull();
  },
);

test('a trigger that is another file must be reported, and take nothing else from the watch', async () => {
  const rig = createRig({ mail: idle });
  const watch = await watching(rig);
  const mail = rig.instance('mail.1');
  const pid = await booted(mail);
  const trigger = join(rig.stateDir, 'trigger');
  rmSync(trigger);
  writeFileSync(trigger, '');
  await watch.reports('watch_impaired', { problem: /trigger .*another kind of file/ });
  process.kill(pid, 'SIGKILL');
  await successor(mail, pid);
  expect(readFileSync(trigger, 'utf8')).toBe('');
  rmSync(trigger);
  await watch.reports('watch_recovered');
  const looks = await watch.quiet();
  expect((await rig.workerctl('trigger')).exitCode).toBe(0);
  expect(await watch.quiet()).toBe(looks + 1);
});

test.runIf(isRoot)(
  'on a full disk the watch must stay, report a death once and replace it when there is room',
  async () => {
    const rig = createRig({ mail: idle });
    mkdirSync(rig.stateDir);
    await rig.shell('mount -t tmpfs -o size=512k,mode=755 none .workerctl');
    try {
      const watch = await watching(rig);
      const mail = rig.instance('mail.1');
      const pid = await booted(mail);
      await watch.quiet();
      await rig.shell('head -c 9999999 /dev/zero >.workerctl/fill');
      process.kill(pid, 'SIGKILL');
      await watch.reports('watch_impaired', { problem: /ENOSPC/ });
      await timePasses(2_500);
      expect(watch.running.exitCode).toBeNull();
      rmSync(join(rig.stateDir, 'fill'));
      await successor(mail, pid);
      const { lasted_seconds: lasted } = await watch.reports('watch_recovered');
      expect(lasted).toBeGreaterThan(2);
      expect(watch.events('died')).toHaveLength(1);
      watch.send('SIGTERM');
      expect((await watch.running).exitCode).toBe(0);
      process.kill(mail.pid() ?? 0, 'SIGKILL');
    } finally {
      await rig.shell('umount -l .workerctl');
    }
  },
);

const atTheEnd: Record<string, (rig: Rig, watch: number) => void> = {
  'the pass lock is a directory': ({ stateDir }) => {
    rmSync(join(stateDir, 'pass.lock'));
    aFolder(join(stateDir, 'pass.lock'));
  },
  'state.json is damaged': ({ stateDir }) => {
    aText(join(stateDir, 'state.json'));
    aText(join(stateDir, 'state.json.2'));
  },
  'the stop of an instance cannot be written': ({ stateDir }, watch) => {
    aFolder(join(stateDir, `mail.1.stop.${watch}.new`));
  },
  'the state directory was removed': ({ stateDir, folder }) => {
    renameSync(stateDir, join(folder, 'moved'));
  },
};

test.each(Object.entries(atTheEnd))(
  '--stop-on-exit must ask each worker once and wait for its job, even if %s',
  async (_, damage) => {
    const rig = createRig({ mail: { ...drains, count: 2 } });
    const watch = await watching(rig, '--stop-on-exit');
    const [first, second] = [rig.instance('mail.1'), rig.instance('mail.2')];
    const [pid, other] = [await booted(first), await booted(second)];
    await first.giveJob();
    await watch.quiet();
    damage(rig, watch.pid);
    watch.send('SIGTERM');
    await until('both to be asked', () => first.terms().length + second.terms().length === 2);
    await until('the idle one to be gone', () => !isAlive(other));
    await timePasses(1_500);
    expect(watch.running.exitCode).toBeNull();
    expect(isAlive(pid)).toBe(true);
    first.finishJob();
    expect((await watch.running).exitCode).toBe(0);
    expect([first.terms(), second.terms()]).toEqual([[pid], [other]]);
    expect([first.done(), isAlive(pid)]).toEqual([[pid], false]);
  },
);

const removed: Record<string, (rig: Rig) => unknown> = {
  'the state directory': ({ stateDir }) => {
    rmSync(stateDir, { recursive: true });
  },
  'all that is in it': (rig) => rig.shell('rm -rf .workerctl/*'),
  'the control socket': ({ stateDir }) => {
    rmSync(join(stateDir, 'control.sock'));
  },
  'the trigger and the lock': ({ stateDir }) => {
    rmSync(join(stateDir, 'trigger'));
    rmSync(join(stateDir, 'watch.lock'));
  },
};

test.each(Object.entries(removed))(
  '%s must be back soon after it was removed, and the same processes must run',
  async (_, remove) => {
    const rig = createRig({ mail: { ...idle, count: 2 } });
    const watch = await watching(rig);
    const all = [rig.instance('mail.1'), rig.instance('mail.2')];
    const pids = await Promise.all(all.map(booted));
    await remove(rig);
    const names = ['control.sock', 'trigger', 'watch.lock', 'mail.1.json', 'mail.2.json'];
    await until('all to be back', () => names.every((one) => existsSync(join(rig.stateDir, one))));
    await until('an answer', () => askControl(rig.stateDir, '!version').catch(() => ''));
    expect((await rig.act('watch')).exitCode).toBe(75);
    const looks = await watch.quiet();
    expect((await rig.workerctl('trigger')).exitCode).toBe(0);
    expect(await watch.quiet()).toBe(looks + 1);
    expect(all.map((one) => one.processes())).toEqual(pids.map((pid) => [pid]));

    process.kill(pids[0] ?? 0, 'SIGKILL');
    await successor(rig.instance('mail.1'), pids[0] ?? 0);
    watch.send('SIGTERM');
    expect((await watch.running).exitCode).toBe(0);
  },
);

/** Takes the lock of the watch on a new file, as another watch would that is faster to do so after the old one was removed. */
async function takeLock(rig: Rig): Promise<void> {
  void rig.shell(
    'exec 9>.workerctl/new; flock 9; mv .workerctl/new .workerctl/watch.lock; echo >held; exec sleep 1000',
  );
  await until('flock(1) to hold the lock', () => existsSync(rig.path('held')));
}

test('a watch whose lock another one has by now must leave', async () => {
  const rig = createRig({ mail: idle });
  const watch = await watching(rig);
  const pid = await booted(rig.instance('mail.1'));
  await takeLock(rig);
  expect((await watch.running).exitCode).toBe(75);
  expect(watch.warnings()).toContain('already runs');
  expect(isAlive(pid)).toBe(true);
});

test('with --stop-on-exit it must stay, because the workers may die with it', async () => {
  const rig = createRig({ mail: drains });
  const watch = await watching(rig, '--stop-on-exit');
  const mail = rig.instance('mail.1');
  const pid = await booted(mail);
  await takeLock(rig);
  await watch.reports('watch_impaired', { problem: /already runs/ });
  watch.send('SIGTERM');
  expect((await watch.running).exitCode).toBe(0);
  expect(mail.terms()).toEqual([pid]);
});

test('a removed project must not be made anew', async () => {
  const rig = createRig({ mail: idle }, { state_dir: 'project/state' });
  mkdirSync(rig.path('project'));
  const running = rig.workerctl('watch', '--json');
  const journal = rig.path('project/state/events.ndjson');
  await until('the worker to be started', () => readOr(journal, '').includes('"started"'));
  renameSync(rig.path('project'), rig.path('away'));
  await timePasses(2_500);
  expect(existsSync(rig.path('project'))).toBe(false);
  expect(running.exitCode).toBeNull();
  renameSync(rig.path('away'), rig.path('project'));
  await until('an answer', () => askControl(rig.path('project/state'), '!version').catch(() => ''));
});
