import { appendFileSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type * as Fs from 'node:fs';
import { expect, test, vi } from 'vitest';
import { followLog } from '../../../src/host/logs/follow.ts';
import { makeRoom, olderLog } from '../../../src/host/logs/older.ts';
import { useScratch } from '../../rig/scratch.ts';

/** Called before each system call of the follower, and once within each longer read(2). */
const hook = vi.hoisted((): { call: () => void } => ({ call: () => undefined }));

vi.mock('node:fs', async (importOriginal) => {
  const fs = await importOriginal<typeof Fs>();
  const hooked = <Args extends unknown[], Result>(call: (...args: Args) => Result) =>
    ((...args) => {
      hook.call();
      return call(...args);
    }) as typeof call;
  const readSync = (fd: number, bytes: Buffer, offset: number, length: number, at: number) => {
    hook.call();
    const first = fs.readSync(fd, bytes, offset, Math.min(length, tornAt), at);
    if (first === length || first < tornAt) return first;
    hook.call(); // the kernel copies page by page, and a cut does not wait for that
    return first + fs.readSync(fd, bytes, offset + first, length - first, at + first);
  };
  const { openSync, statSync, fstatSync } = fs;
  return {
    ...fs,
    readSync,
    openSync: hooked(openSync),
    statSync: hooked(statSync as (...args: unknown[]) => unknown),
    fstatSync: hooked(fstatSync as (...args: unknown[]) => unknown),
  };
});

const pageBytes = 512;
const tornAt = 1024;
const scratch = useScratch();

/** A rotation in the three steps that another process sees. */
function rotation(path: string, kind: 'cut' | 'truncated'): (() => void)[] {
  let bytes = 0;
  return [
    () => {
      bytes = Math.floor((statSync(path).size - 1) / pageBytes) * pageBytes;
      writeFileSync(`${path}.new`, readFileSync(path).subarray(0, bytes));
      makeRoom(path, 5);
    },
    () => {
      renameSync(`${path}.new`, olderLog(path, 1));
    },
    () => {
      const rest = readFileSync(path).subarray(bytes);
      if (kind === 'truncated') appendFileSync(olderLog(path, 1), rest);
      writeFileSync(path, kind === 'truncated' ? '' : rest);
    },
  ];
}

/** Follows a log of numbers, with the steps of a second rotation before these system calls; how many calls it took. */
function followThrough(at: readonly number[], kind: 'cut' | 'truncated', isLate: boolean): number {
  const path = scratch.path('mail.log');
  for (const number of [1, 2, 3]) rmSync(olderLog(path, number), { force: true });
  let [written, calls] = [0, 0];
  const write = (count: number): void => {
    const lines = Array.from({ length: count }, (_, i) => `${written + i}\n`);
    appendFileSync(path, lines.join(''));
    written += count;
  };
  writeFileSync(path, '');
  write(200);
  const log = followLog(path);
  try {
    const shown = isLate ? [] : [...log.newLines()];
    write(400);
    for (const step of rotation(path, kind)) step();
    write(600);
    const steps = rotation(path, kind);
    hook.call = () => {
      calls += 1;
      const call = hook.call;
      hook.call = () => undefined;
      at.forEach((when, index) => {
        if (when !== calls) return;
        steps[index]?.();
        write(100);
      });
      hook.call = call;
    };
    shown.push(...log.newLines());
    hook.call = () => undefined;
    // What the look has not come to.
    at.forEach((when, index) => {
      if (when > calls) steps[index]?.();
    });
    write(10);
    shown.push(...log.newLines());
    const wrong = shown.findIndex((line, index) => String(line) !== String(index));
    expect(`${wrong} ${shown.length}`, `steps before calls ${at.join(', ')}`).toBe(`-1 ${written}`);
    return calls;
  } finally {
    hook.call = () => undefined;
    log.close();
  }
}

test.each([
  ['cut', false],
  ['cut', true],
  ['truncated', false],
] as const)(
  'a log that is %s while it is read must show each line once, whenever each step happens (after: %s)',
  (kind, isLate) => {
    const most = followThrough([], kind, isLate) + 1;
    for (let first = 1; first <= most; first += 1)
      for (let last = first; last <= most; last += 1) {
        followThrough([first, first, last], kind, isLate);
        if (!isLate) followThrough([first, last, last], kind, isLate);
      }
  },
);
