import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readProcess } from '../../../src/host/process/process-table.ts';
import { readJobs } from '../../../src/host/state/job-files.ts';
import { jobFolder } from '../../../src/host/state/paths.ts';
import { endProcess } from '../../rig/kernel.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();

const heartbeat = (): string => scratch.path('heartbeat');

function write(name: string, text: string): string {
  mkdirSync(jobFolder(heartbeat()), { recursive: true });
  const path = `${jobFolder(heartbeat())}/${name}`;
  writeFileSync(path, text);
  return path;
}

const read = (more: { isAlive?: boolean; sweeps?: boolean } = {}) =>
  readJobs(heartbeat(), { isAlive: true, sweeps: true, ...more });

const namespace = (): string => /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '';

/** A file's name for a process, as docs/heartbeat has it. */
const nameOf = (pid: number): string => `${pid}.${readProcess(pid)?.startTime ?? 0}.${namespace()}`;

const busyWith = (...names: string[]): unknown =>
  expect.objectContaining({
    kind: 'busy',
    count: names.length,
    jobs: names.map((what) => expect.objectContaining({ what }) as unknown),
  });

describe('the jobs of several processes', () => {
  test('must be one set, with those of the heartbeat file', () => {
    const { pid } = scratch.run(['sleep', '1000']);
    writeFileSync(heartbeat(), 'jobs 1\n1700000300 own');
    write(nameOf(process.pid), 'jobs 2\n1700000200 b\n1700000400 c');
    write(nameOf(pid), 'jobs 1\n1700000100 a');
    expect(read()).toEqual(busyWith('a', 'b', 'own', 'c'));
  });

  test('must be idle only if all say so', () => {
    writeFileSync(heartbeat(), 'jobs 0 1700000300');
    const path = write(nameOf(process.pid), 'jobs 0');
    expect(read()).toMatchObject({ kind: 'idle', isCounted: true });
    writeFileSync(path, 'jobs 1\n1700000300 a');
    expect(read()).toEqual(busyWith('a'));
    for (const damaged of ['', 'jobs', 'jobs x\n', '\0\0\0']) {
      writeFileSync(path, damaged);
      expect(read(), JSON.stringify(damaged)).toBeUndefined();
    }
    rmSync(path);
    expect(read()).toMatchObject({ kind: 'idle' });
    writeFileSync(heartbeat(), '');
    expect(read()).toBeUndefined();
  });

  test('may be of a worker that speaks the first version of the protocol', () => {
    writeFileSync(heartbeat(), 'busy own\n1700000300');
    write(nameOf(process.pid), 'jobs 1\n1700000400 a');
    expect(read()).toEqual(busyWith('own', 'a'));
    writeFileSync(heartbeat(), 'idle\n');
    expect(read()).toEqual(busyWith('a'));
  });
});

describe('a process that is gone', () => {
  test('must be passed over while the instance lives, and its file be removed', async () => {
    const { pid } = scratch.run(['sleep', '1000']);
    writeFileSync(heartbeat(), 'jobs 0');
    const path = write(nameOf(pid), 'jobs 1\n1700000300 a');
    expect(read()).toEqual(busyWith('a'));
    await endProcess(pid);
    expect(read({ sweeps: false })).toMatchObject({ kind: 'idle' });
    expect(existsSync(path)).toBe(true);
    expect(read()).toMatchObject({ kind: 'idle' });
    expect(existsSync(path)).toBe(false);
  });

  test('must have lost its jobs if the instance has died', async () => {
    const { pid } = scratch.run(['sleep', '1000']);
    writeFileSync(heartbeat(), 'jobs 0');
    const path = write(nameOf(pid), 'jobs 1\n1700000300 a');
    await endProcess(pid);
    expect(read({ isAlive: false })).toEqual(busyWith('a'));
    expect(existsSync(path)).toBe(true);
  });

  test('must not be confused with one that has its pid now', () => {
    writeFileSync(heartbeat(), 'jobs 0');
    write(`${process.pid}.1.${namespace()}`, 'jobs 1\n1700000300 a');
    expect(read()).toMatchObject({ kind: 'idle' });
  });

  test.each([
    ['only its pid is known', () => String(process.pid)],
    ['its pid is of another namespace', () => `${process.pid}.1.7`],
    ['no process has its pid, but in another namespace', () => '4194304.1.7'],
  ])('must be believed if %s', (_, name) => {
    writeFileSync(heartbeat(), 'jobs 0');
    const path = write(name(), 'jobs 1\n1700000300 a');
    expect(read()).toEqual(busyWith('a'));
    expect(readFileSync(path, 'utf8')).toContain('a');
  });
});

describe('a harmful directory', () => {
  test('may be a file, or have anything in it', () => {
    writeFileSync(heartbeat(), 'jobs 0');
    writeFileSync(jobFolder(heartbeat()), 'whatever');
    expect(read()).toMatchObject({ kind: 'idle' });
    rmSync(jobFolder(heartbeat()));
    const kept = ['a', '.1', '1.', '-1', '12345678901', '1.2.3.4', `${process.pid}.new`];
    for (const name of kept) write(name, 'jobs 1\n1700000300 a');
    expect(read()).toMatchObject({ kind: 'idle' });
    expect(kept.map((name) => existsSync(`${jobFolder(heartbeat())}/${name}`))).not.toContain(
      false,
    );
    mkdirSync(`${jobFolder(heartbeat())}/${process.pid}`);
    expect(read()).toBeUndefined();
  });

  test.skipIf(process.getuid?.() !== 0)('that cannot be read must not be idle', () => {
    writeFileSync(heartbeat(), 'jobs 0');
    chmodSync(scratch.folder(), 0o755);
    mkdirSync(jobFolder(heartbeat()), { mode: 0o700 });
    process.seteuid?.(65534);
    try {
      expect(read({ sweeps: false })).toBeUndefined();
    } finally {
      process.seteuid?.(0);
    }
    expect(read()).toMatchObject({ kind: 'idle' });
  });

  test('with too many files must not be idle', () => {
    writeFileSync(heartbeat(), 'jobs 0');
    for (let index = 1; index <= 1001; index += 1) write(`${index}.1.7`, 'jobs 0');
    expect(read()).toBeUndefined();
  });
});
