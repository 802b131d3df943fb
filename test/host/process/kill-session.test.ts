import { statSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { ProcessIdentity, Witnessed } from '../../../src/core/model/process.ts';
import { killSession, type KillOutcome } from '../../../src/host/process/kill-session.ts';
import { useScratch, type Child } from '../../rig/scratch.ts';
import { witnessed } from '../../rig/witnessed.ts';
import { zombieIn } from '../../rig/zombie.ts';
import { allPids, bootId, endProcess, isAlive, look } from '../../rig/kernel.ts';
import { until } from '../../rig/wait.ts';

const scratch = useScratch();
const asRoot = process.geteuid?.() === 0;

const identityOf = (pid: number): Witnessed =>
  witnessed({ pid, startTime: look(pid)?.startTime ?? 0, bootId: bootId() });

const membersOf = (session: number): number[] =>
  allPids().filter((pid) => look(pid)?.session === session && isAlive(pid));

/** A process with a session of its own, which runs this script and prints `up` when it runs. */
async function leader(script: string): Promise<Child> {
  const child = scratch.run(['/bin/sh', '-c', script], { detached: true });
  await child.says('up');
  return child;
}

/** Each pid that the child has printed. */
const pidsIn = (child: Child): number[] => (child.heard().match(/\d+/g) ?? []).map(Number);

/** The pids that were killed, in order. */
function killedIn(outcome: KillOutcome): number[] {
  if (outcome.kind !== 'killed') throw new Error(`expected killed, found ${outcome.kind}`);
  return [...outcome.pids].sort((a, b) => a - b);
}

test('all members of a session must be killed, the leader last', async () => {
  const child = await leader(
    'sleep 1000 & (sleep 1001 & exec sleep 1002) & echo up; exec sleep 1003',
  );
  await until('four members', () => membersOf(child.pid).length === 4);
  const members = membersOf(child.pid);
  const outcome = await killSession(identityOf(child.pid));
  expect(killedIn(outcome)).toEqual(members.sort((a, b) => a - b));
  expect(outcome.kind === 'killed' && outcome.pids.at(-1)).toBe(child.pid);
  expect(members.filter(isAlive)).toEqual([]);
});

test('a leader without members must be killed, also one that ignores signals or is stopped', async () => {
  const child = await leader("trap '' HUP INT TERM; echo up; while :; do sleep 1000 & wait; done");
  process.kill(child.pid, 'SIGSTOP');
  await until('a stopped leader', () => look(child.pid)?.state === 'T');
  const outcome = await killSession(identityOf(child.pid));
  expect(killedIn(outcome)).toContain(child.pid);
  expect(membersOf(child.pid)).toEqual([]);
});

test('children with sessions of their own must be killed, with these, but not what a shim has started', async () => {
  const shim = scratch.path('shim.sh');
  writeFileSync(shim, 'sleep 1003 & wait\n');
  const child = await leader(
    `setsid sh -c 'sleep 1001 & exec sleep 1002' & setsid sh ${shim} supervise other.1 & echo up; exec sleep 1000`,
  );
  const detached = (): number[] => allPids().filter((pid) => look(pid)?.parent === child.pid);
  await until('two sessions', () => detached().every((pid) => membersOf(pid).length === 2));
  const [own = 0, other = 0] = detached().sort((a, b) => a - b);
  const spared = membersOf(other);
  const outcome = await killSession(identityOf(child.pid));
  expect(killedIn(outcome)).toHaveLength(3);
  expect(membersOf(own)).toEqual([]);
  expect(spared.every(isAlive)).toBe(true);
  await Promise.all(spared.map((pid) => endProcess(pid)));
});

test('members in process groups of their own must be killed', async () => {
  const child = await leader('set -m; sleep 1000 & sleep 1001 & echo up; exec sleep 1002');
  await until('three members', () => membersOf(child.pid).length === 3);
  await killSession(identityOf(child.pid));
  expect(membersOf(child.pid)).toEqual([]);
});

test('a leader that replaces each child that dies must be killed too', async () => {
  const child = await leader('echo up; while :; do sleep 1000; done');
  await killSession(identityOf(child.pid));
  expect(isAlive(child.pid)).toBe(false);
  expect(membersOf(child.pid)).toEqual([]);
});

test('a session that multiplies must be ended', async () => {
  const script = 'echo up; while :; do (sleep 0.01; sleep 1000) & sleep 0.002; done';
  const child = await leader(script);
  await until('some children', () => membersOf(child.pid).length > 5);
  await killSession(identityOf(child.pid));
  expect(membersOf(child.pid)).toEqual([]);
});

describe('a successor in the session of its predecessor', () => {
  test('must be killed with its own children, but without those of its predecessor', async () => {
    const child = await leader(
      'sleep 1000 & echo old $!; sleep 0.05; sh -c "sleep 1001 & exec sleep 1002" & echo successor $!; echo up; exec sleep 0.2',
    );
    const [old = 0, successor = 0] = pidsIn(child);
    await until('its child', () => allPids().some((pid) => look(pid)?.parent === successor));
    const own = allPids().filter((pid) => look(pid)?.parent === successor);
    await until('the end of the leader', () => !isAlive(child.pid));
    expect(killedIn(await killSession(identityOf(successor)))).toEqual(
      [successor, ...own].sort((a, b) => a - b),
    );
    expect(isAlive(old)).toBe(true);
    expect([successor, ...own].filter(isAlive)).toEqual([]);
  });
});

test('a child that has created its own session must be killed with its living parent', async () => {
  const child = await leader('setsid sleep 1000 & echo "up $!"; exec sleep 1001');
  const [other = 0] = pidsIn(child);
  await until('a session of its own', () => look(other)?.session === other);
  const killed = killedIn(await killSession(identityOf(child.pid)));
  expect(killed.sort()).toEqual([child.pid, other].sort());
  expect(isAlive(other)).toBe(false);
});

describe('what must not be killed', () => {
  test('a successor that it has named, and the successor’s descendants', async () => {
    const child = await leader(
      'sleep 1000 & echo old $!; sh -c "sleep 1001 & exec sleep 1002" & echo successor $!; echo up; exec sleep 1003',
    );
    const [old = 0, successor = 0] = pidsIn(child);
    await until('its child', () => allPids().some((pid) => look(pid)?.parent === successor));
    const own = allPids().filter((pid) => look(pid)?.parent === successor);
    expect(killedIn(await killSession(identityOf(child.pid), identityOf(successor)))).toEqual(
      [child.pid, old].sort((a, b) => a - b),
    );
    expect([successor, ...own].every(isAlive)).toBe(true);
  });

  test('the session that its parent belongs to', async () => {
    const outer = await leader('setsid sh -c "echo up \\$\\$; exec sleep 1000" & exec sleep 1001');
    const [inner = 0] = pidsIn(outer);
    await killSession(identityOf(inner));
    expect(isAlive(inner)).toBe(false);
    expect(isAlive(outer.pid)).toBe(true);
  });

  test.each([-1, 1])('a session whose leader’s start time differs by %i ticks', async (ticks) => {
    const child = await leader('sleep 1000 & echo up; exec sleep 1001');
    const { startTime, ...rest } = identityOf(child.pid);
    const outcome = await killSession(witnessed({ ...rest, startTime: startTime + ticks }));
    expect(outcome).toEqual({ kind: 'gone' });
    expect(isAlive(child.pid)).toBe(true);
  });

  test('a session of another boot', async () => {
    const child = await leader('echo up; exec sleep 1000');
    const outcome = await killSession({ ...identityOf(child.pid), bootId: 'another' });
    expect(outcome).toEqual({ kind: 'gone' });
    expect(isAlive(child.pid)).toBe(true);
  });

  test('the members that a dead leader has left', async () => {
    const child = await leader('sleep 1000 & echo "up $!"; exec sleep 1001');
    const [orphan = 0] = pidsIn(child);
    const identity = identityOf(child.pid);
    await endProcess(child.pid);
    expect(await killSession(identity)).toEqual({ kind: 'gone' });
    expect(isAlive(orphan)).toBe(true);
  });

  test('any process if the leader is a zombie', async () => {
    const pid = await zombieIn(scratch);
    expect(await killSession(identityOf(pid))).toEqual({ kind: 'gone' });
  });

  test('the other members of a session that it does not lead', async () => {
    const child = await leader('sleep 1000 & echo "up $!"; exec sleep 1001');
    const [member = 0] = pidsIn(child);
    expect(await killSession(identityOf(member))).toEqual({ kind: 'killed', pids: [member] });
    expect(isAlive(child.pid)).toBe(true);
  });
});

test('a process that does not lead its session must be killed with its descendants there, and no other process', async () => {
  const child = await leader(
    'sh -c "sleep 1000 & (sleep 1001 & exec sleep 1002) & setsid sleep 1003 & exec sleep 1004" & echo "up $!"; exec sleep 1005',
  );
  const [member = 0] = pidsIn(child);
  await until('five members', () => membersOf(child.pid).length === 5);
  const outcome = await killSession(identityOf(member));
  expect(killedIn(outcome)).toHaveLength(4);
  expect(outcome.kind === 'killed' && outcome.pids.at(-1)).toBe(member);
  expect(membersOf(child.pid)).toEqual([child.pid]);
});

/** As this user (0: as we are), kills the session whose leader's pid and start time it reads, and prints the outcome. */
const killerSource = `
import { killSession } from './process/kill-session.ts';
import { currentBootId } from './process/process-table.ts';
const [user, pid, startTime] = process.argv.slice(2).map(Number);
if (user !== 0) process.setuid(user);
killSession({ pid, startTime, bootId: currentBootId() }).then((outcome) => {
  console.log('outcome', JSON.stringify(outcome));
});`;

/** What it printed. */
async function killedByUser(user: number, { pid, startTime }: ProcessIdentity): Promise<string> {
  const words = [user, pid, startTime].map(String);
  const child = scratch.run([...scratch.program(killerSource), ...words]);
  await child.ended();
  return child.heard();
}

test('we must live on if we belong to the session', async () => {
  const [node = '', program = ''] = scratch.program(killerSource);
  const child = await leader(`echo up; sleep 1000 & read -r stat </proc/$$/stat
    set -- $stat; "${node}" "${program}" 0 $$ "\${22}"; wait`);
  await child.says('outcome {"kind":"killed"');
  expect(child.heard()).toContain(`${child.pid}]`);
  await until('the end of all', () => membersOf(child.pid).length === 0);
});

test.runIf(asRoot)('another user’s session must be denied, and live on', async () => {
  const { pid } = await leader('sleep 1000 & echo up; exec sleep 1001');
  expect(await killedByUser(54321, identityOf(pid))).toBe('outcome {"kind":"denied"}\n');
  expect(membersOf(pid)).toHaveLength(2);
});

test.runIf(asRoot)('another user’s processes in it must live on', async () => {
  const child = await leader(
    'sleep 1000 & echo "up $!"; exec setpriv --reuid 54321 --clear-groups sleep 1001',
  );
  const [other = 0] = pidsIn(child);
  await until('another user', () => statSync(`/proc/${child.pid}`).uid === 54321);
  expect(await killedByUser(54321, identityOf(child.pid))).toBe(
    `outcome {"kind":"killed","pids":[${child.pid}]}\n`,
  );
  expect(isAlive(other)).toBe(true);
});
