import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  currentBootId,
  findProcess,
  listPids,
  nameOf,
  readArguments,
  readEnvironment,
  readProcess,
  suspendedMs,
} from '../../../src/host/process/process-table.ts';
import { useScratch, type Child } from '../../rig/scratch.ts';
import { hasThreads, headlessIn, zombieIn } from '../../rig/zombie.ts';
import { bootId, endProcess, look } from '../../rig/kernel.ts';
import { until } from '../../rig/wait.ts';

const scratch = useScratch();

/** A process with this name in the kernel's table (at most 15 bytes). */
async function processNamed(name: string): Promise<Child> {
  const child = scratch.shell(
    'printf "%b" "$1" >/proc/self/comm; echo named; while :; do sleep 1000 & wait; done',
    name,
  );
  await child.says('named');
  return child;
}

/** Field 22 of stat, counted from the end, so that no name can interfere. Source: proc_pid_stat(5), 52 fields. */
const startTimeOf = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/stat`, 'latin1').trim().split(' ').at(-31));

const statusOf = (pid: number): string => readFileSync(`/proc/${pid}/status`, 'latin1');

describe('readProcess', () => {
  test.each([
    ['plain', 'plain'],
    ['with spaces', 'a b c'],
    ['with a closing parenthesis', 'a) b'],
    ['that looks like the rest of the line', 'x) Z 1 2 3 4'],
    ['of closing parentheses', ')))) )'],
    ['with an opening one', '((( '],
    ['with a newline', 'a\\n) Z 1 1'],
    ['with bytes that are no text', '\\0377\\0376 \\01'],
  ])('must read a process with a name %s', async (_, name) => {
    const { pid } = await processNamed(name);
    expect(readProcess(pid)).toEqual({
      pid,
      startTime: startTimeOf(pid),
      bootId: bootId(),
      parentPid: process.pid,
      sessionId: look(process.pid)?.session,
      activity: 'runs',
      rss: expect.any(Number) as number,
      cpu: expect.any(Number) as number,
      childrenCpu: expect.any(Number) as number,
    });
    expect(statusOf(pid)).toContain(`PPid:\t${process.pid}\n`);
  });

  test('must recognise a session leader', () => {
    const { pid } = scratch.run(['sleep', '1000'], { detached: true });
    expect(readProcess(pid)?.sessionId).toBe(pid);
  });

  test('must find itself', () => {
    expect(readProcess(process.pid)?.startTime).toBe(startTimeOf(process.pid));
  });

  test('must count a zombie as dead', async () => {
    const pid = await zombieIn(scratch);
    process.kill(pid, 0); // the kernel's own answer: it is there
    expect(readProcess(pid)).toBeUndefined();
    const startTime = startTimeOf(pid);
    expect(findProcess({ pid, startTime, bootId: bootId() })).toBeUndefined();
  });

  test.runIf(hasThreads)(
    'must recognise as alive a process of which only the first thread has ended',
    async () => {
      const pid = await headlessIn(scratch);
      expect(readProcess(pid)).toMatchObject({ pid, startTime: startTimeOf(pid) });
    },
  );

  test('must distinguish a stopped process from a running one', async () => {
    const { pid } = scratch.run(['sleep', '1000']);
    process.kill(pid, 'SIGSTOP');
    await until('a stopped process', () => look(pid)?.state === 'T');
    expect(readProcess(pid)?.activity).toBe('stopped');
    process.kill(pid, 'SIGCONT');
    await until('a running process', () => look(pid)?.state !== 'T');
    expect(readProcess(pid)?.activity).toBe('runs');
  });

  test('must find nothing for a pid that does not exist', async () => {
    const child = scratch.run(['sleep', '1000']);
    await endProcess(child.pid);
    await child.ended();
    expect(readProcess(child.pid)).toBeUndefined();
    expect(readProcess(0)).toBeUndefined();
    expect(readProcess(-1)).toBeUndefined();
    expect(readProcess(2 ** 31)).toBeUndefined();
  });

  test('must know the memory and the CPU time of a process, and that of its children which have ended', async () => {
    const burn = 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done';
    const child = scratch.run(['sh', '-c', `sh -c '${burn}'; echo done; ${burn}; exec sleep 1000`]);
    await until('both to have worked', () => nameOf(child.pid) === 'sleep');
    const { rss = 0, cpu = 0, childrenCpu = 0 } = readProcess(child.pid) ?? {};
    expect(cpu).toBeGreaterThan(0);
    expect(childrenCpu).toBeGreaterThan(0);
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(statusOf(child.pid))?.[1];
    expect(Math.abs(rss - Number(kilobytes) * 1024)).toBeLessThan(1_000_000);
  });

  test('must not leave files open', () => {
    const before = listOpenFiles();
    for (let index = 0; index < 100; index += 1) readProcess(process.pid);
    expect(listOpenFiles()).toBe(before);
  });
});

const listOpenFiles = (): number => readdirSync('/proc/self/fd').length;

describe('findProcess', () => {
  test('must find exactly this process', () => {
    const { pid } = scratch.run(['sleep', '1000']);
    const found = findProcess({ pid, startTime: startTimeOf(pid), bootId: bootId() });
    expect(found?.pid).toBe(pid);
  });

  test.each([-1, 1, -100])(
    'must not find a process whose start time differs by %i ticks',
    (ticks) => {
      const { pid } = scratch.run(['sleep', '1000']);
      const startTime = startTimeOf(pid) + ticks;
      expect(findProcess({ pid, startTime, bootId: bootId() })).toBeUndefined();
    },
  );

  test('must not find a process of another boot', () => {
    const { pid } = scratch.run(['sleep', '1000']);
    expect(findProcess({ pid, startTime: startTimeOf(pid), bootId: 'another' })).toBeUndefined();
  });
});

test('the boot id must be the kernel’s', () => {
  expect(currentBootId()).toBe(bootId());
});

test('listPids must hold all pids in numeric order', () => {
  const { pid } = scratch.run(['sleep', '1000']);
  const pids = listPids();
  expect(pids).toContain(pid);
  expect(pids).toContain(process.pid);
  expect(pids).toEqual([...pids].sort((a, b) => a - b));
});

test('arguments must be returned unchanged', async () => {
  const words = ['/bin/sh', '-c', 'echo up; sleep 1000; :', 'a b', "it's \n", ''];
  const child = scratch.run(words);
  await child.says('up');
  expect(readArguments(child.pid)).toEqual([...words, '']);
});

test('the environment must be that at the start', async () => {
  const child = scratch.run(['/bin/sh', '-c', 'A=2; export A; echo up; sleep 1000; :'], {
    env: { A: '1', B: 'x=y\nz' },
  });
  await child.says('up');
  expect(readEnvironment(child.pid)).toEqual(expect.arrayContaining(['A=1', 'B=x=y\nz']));
});

test('a process that is gone must have neither', async () => {
  const child = scratch.run(['sleep', '1000']);
  await endProcess(child.pid);
  await child.ended();
  expect(readArguments(child.pid)).toEqual([]);
  expect(readEnvironment(child.pid)).toEqual([]);
});

test.each([
  ['nothing, as ticks and slow readings are no suspension', 100_490, 100_000, 0],
  ['nothing if there is no such clock', 0, 100_000, 0],
  ['the night', 28_900_000, 100_000, 28_800_000],
])('a suspension must be %s', (_, boot, monotonic, expected) => {
  const moment = (of: number, on: number) => ({ boot: of, monotonic: on });
  const before = boot === 0 ? moment(0, 7) : moment(1_000_000, 7);
  const after = moment(before.boot + boot, 7 + monotonic);
  expect(suspendedMs(before, after)).toBe(expected);
});
