import { describe, expect, test } from 'vitest';
import type { LiveProcess } from '../../../src/core/model/process.ts';
import { durationOf } from '../../../src/core/basics/time.ts';
import { killLeftBehind } from '../../../src/host/process/kill-session.ts';
import { nameOf, readProcess, sinceBoot } from '../../../src/host/process/process-table.ts';
import {
  allProcesses,
  familyOf,
  leftBehindBy,
  memoryOf,
  processesSince,
  type DeadLeader,
} from '../../../src/host/process/session.ts';
import { useScratch, type Child } from '../../rig/scratch.ts';
import { bootId, endProcess, isAlive, look, strings } from '../../rig/kernel.ts';
import { until } from '../../rig/wait.ts';

const scratch = useScratch();
const always = (): boolean => true;

const live = (pid: number): LiveProcess => {
  const found = readProcess(pid);
  if (found === undefined) throw new Error(`pid ${pid} is gone`);
  return found;
};

/** A process with its own session, whose children have its marker; it prints its pid and theirs. */
async function leader(script: string): Promise<{ child: Child; pids: number[] }> {
  const marked = `export WORKERCTL_PID=$$ WORKERCTL_INSTANCE=mail.1 WORKERCTL_STATE_DIR=/state; ${script}`;
  const child = scratch.run(['/bin/sh', '-c', marked], { detached: true });
  await child.says('up');
  return { child, pids: (child.heard().match(/\d+/g) ?? []).map(Number) };
}

const markerOf = (pid: number): string[] => [
  `WORKERCTL_PID=${pid}`,
  'WORKERCTL_INSTANCE=mail.1',
  'WORKERCTL_STATE_DIR=/state',
];

/** Kills only the leader, and returns its identity. */
async function killed({ child }: { child: Child }): Promise<DeadLeader> {
  const { pid } = child;
  const startTime = look(pid)?.startTime ?? 0;
  await endProcess(pid);
  return { pid, startTime, bootId: bootId(), marker: markerOf(pid), diedAt: sinceBoot() };
}

const leftBy = (leader: DeadLeader): number[] =>
  leftBehindBy(leader, allProcesses()).map(({ pid }) => pid);

describe('the memory of a process', () => {
  test('must be that of its whole session, and of no process in another session', async () => {
    const hold = (mb: number): string =>
      `perl -e '$x = "x" x (${mb} << 20); print "held "; $| = 1; print ""; sleep 1000' &`;
    const { child } = await leader(`${hold(20)} setsid ${hold(60)} echo up; exec sleep 1000`);
    const total = (): number => memoryOf(familyOf(live(child.pid), allProcesses()));
    await until('20 MB in the session', () => total() > 20 * 2 ** 20);
    await until(
      'two holders',
      () => allProcesses().length > 0 && child.heard().split('held').length === 3,
    );
    expect(total()).toBeGreaterThan(20 * 2 ** 20);
    expect(total()).toBeLessThan(60 * 2 ** 20);
  });

  test('must be that of its descendants if it leads no session', async () => {
    const { child, pids } = await leader(
      "sh -c 'echo inner $$; sleep 1000 & echo grandchild $!; wait' & sleep 1001 & sleep 0.2; echo up; wait",
    );
    const [inner = 0, grandchild = 0] = pids;
    const family = familyOf(live(inner), allProcesses()).map(({ pid }) => pid);
    expect(family).toEqual([inner, grandchild]);
    expect(familyOf(live(child.pid), allProcesses()).length).toBeGreaterThanOrEqual(4);
  });

  test('must be 0 for a process that is gone', () => {
    expect(memoryOf([{ ...live(process.pid), pid: 2 ** 22 + 1 }])).toBe(0);
    expect(memoryOf([live(process.pid)])).toBeGreaterThan(2 ** 20);
  });
});

describe('the processes that a dead process has left behind', () => {
  const twoSleeps = 'sleep 1000 & echo $!; sleep 1001 & echo $!; echo up; exec sleep 1002';

  test('must be the living members of its session', async () => {
    const { child, pids } = await leader(
      twoSleeps.replace('echo up', 'setsid sleep 1003 & echo other $!; echo up'),
    );
    const others = pids.pop() ?? 0;
    await until('a session of its own', () => look(others)?.session === others);
    const dead = await killed({ child });
    expect(leftBy(dead)).toEqual(pids);
    expect(pids.map(nameOf)).toEqual(['sleep', 'sleep']);
    await endProcess(pids[0] ?? 0);
    expect(leftBy(dead)).toEqual(pids.slice(1));
    await endProcess(pids[1] ?? 0);
    expect(leftBy(dead)).toEqual([]);
  });

  test('must be none while it lives, and none of another boot', async () => {
    const { child } = await leader(twoSleeps);
    const startTime = look(child.pid)?.startTime ?? 0;
    const marker = markerOf(child.pid);
    expect(leftBy({ pid: child.pid, startTime, bootId: bootId(), marker })).toEqual([]);
    // Its number was given to another process.
    expect(leftBy({ pid: child.pid, startTime: startTime - 1, bootId: bootId(), marker })).toEqual(
      [],
    );
    const dead = await killed({ child });
    expect(leftBy({ ...dead, bootId: 'another' })).toEqual([]);
  });

  test('must be proven by its marker or by the time of its death', async () => {
    const { child, pids } = await leader(twoSleeps);
    await until('them to sleep', () => pids.every((pid) => strings(pid, 'cmdline')[0] === 'sleep'));
    // Their start times are in hundredths of a second, and so is ours, from which the time is counted.
    const born = Math.max(...pids.map((pid) => look(pid)?.startTime ?? 0)) * 10;
    await until('them to be older than that', () => sinceBoot() > born + 50);
    const { diedAt = durationOf(0), ...dead } = await killed({ child });
    expect(leftBy(dead)).toEqual(pids);
    const unmarked = { ...dead, marker: ['WORKERCTL_PID=1'] };
    expect(leftBy({ ...unmarked, diedAt })).toEqual(pids);
    expect(leftBy(unmarked)).toEqual([]);
    expect(leftBy({ ...unmarked, diedAt: durationOf((dead.startTime - 100) * 10) })).toEqual([]);
    expect(leftBy({ ...dead, startTime: dead.startTime + 10_000 })).toEqual([]);
  });

  test('must be killed, and no other process', async () => {
    const { child, pids } = await leader(
      `trap '' TERM; ${twoSleeps.replace('echo up', 'setsid sleep 1003 & echo other $!; echo up')}`,
    );
    const other = pids.pop() ?? 0;
    await until('a session of its own', () => look(other)?.session === other);
    const dead = await killed({ child });
    const unproven = { ...dead, marker: ['WORKERCTL_PID=1'], diedAt: durationOf(0) };
    expect(await killLeftBehind(unproven, always)).toEqual({ kind: 'gone' });
    expect(await killLeftBehind(dead, () => false)).toEqual({ kind: 'unproven' });
    expect(pids.every(isAlive)).toBe(true);
    expect(await killLeftBehind(dead, always)).toEqual({ kind: 'killed', pids });
    expect(pids.filter(isAlive)).toEqual([]);
    expect(isAlive(other)).toBe(true);
    expect(await killLeftBehind(dead, always)).toEqual({ kind: 'gone' });
  });

  test('must be killed, also if they multiply', async () => {
    const { child } = await leader(
      '(while :; do sleep 0.05 & sleep 0.01; done) & echo up; exec sleep 1000',
    );
    const dead = await killed({ child });
    expect(leftBy(dead).length).toBeGreaterThan(0);
    expect((await killLeftBehind(dead, always)).kind).toBe('killed');
    expect(leftBy(dead)).toEqual([]);
  });
});

test('what was started since must include every process that is younger, and nothing that is excepted', async () => {
  const { child, pids } = await leader('sleep 60 & sleep 60 & echo $! up; wait');
  const first = live(child.pid);
  // The processes of other tests come and go: those that were there before and after.
  const before = allProcesses().filter(({ startTime }) => startTime > first.startTime);
  const found = processesSince([first]).map(({ pid }) => pid);
  const stayed = before.filter(({ pid }) => isAlive(pid)).map(({ pid }) => pid);
  expect(found).toEqual(expect.arrayContaining(stayed));
  expect(found).toEqual(expect.arrayContaining([child.pid, ...pids]));
  const known = new Set([child.pid, ...pids]);
  expect(processesSince([first], known).map(({ pid }) => pid)).toContain(child.pid);
  expect(processesSince([first], known).map(({ pid }) => pid)).not.toEqual(
    expect.arrayContaining(pids),
  );
});
