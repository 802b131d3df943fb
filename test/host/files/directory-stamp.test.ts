import type * as fs from 'node:fs';
import { mkdirSync } from 'node:fs';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { canBeKept, directoryStamp } from '../../../src/host/files/directory-stamp.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();

/** What the clock of the file system shows, and what ours do, all in milliseconds. */
const clocks = { files: 0, own: 0, wall: 0 };

vi.mock('node:fs', async (original) => {
  const real = await original<typeof fs>();
  const statSync = (path: string): object => {
    const { dev, ino } = real.statSync(path, { bigint: true });
    const ctimeNs = BigInt(Math.round(clocks.files * 1e6));
    return { dev, ino, ctimeNs, ctimeMs: ctimeNs / 1_000_000n };
  };
  return { ...real, statSync };
});

beforeEach(() => {
  Object.assign(clocks, { files: 1_000_000.123, own: 50, wall: 1_000_000 });
  vi.spyOn(process, 'hrtime').mockImplementation(
    Object.assign((): [number, number] => [0, clocks.own * 1e6], { bigint: () => 0n }),
  );
  vi.spyOn(Date, 'now').mockImplementation(() => clocks.wall);
});
afterEach(() => {
  vi.restoreAllMocks();
});

const pass = (ms: number): void => {
  clocks.own += ms;
  clocks.wall += ms;
};
const isCalm = (): boolean | undefined => directoryStamp(scratch.folder())?.isCalm;

test('a directory is calm when this process has seen for some ticks that nothing changes', () => {
  expect(isCalm()).toBe(false);
  pass(40);
  expect(isCalm(), 'another change might still get the same time').toBe(false);
  pass(20);
  expect(isCalm()).toBe(true);
  clocks.files += 70;
  expect(isCalm(), 'it has changed').toBe(false);
  pass(60);
  expect(isCalm()).toBe(true);
});

test('to a process that sees it for the first time, a change must be seconds old', () => {
  clocks.wall += 2_900;
  expect(isCalm()).toBe(false);
  clocks.files += 1;
  clocks.wall += 200;
  expect(isCalm()).toBe(true);
});

test.each([
  ['seconds', 1_000_000],
  ['milliseconds', 1_000_001],
])('a file system that counts in %s may tick every two seconds', (_, files) => {
  Object.assign(clocks, { files, wall: files });
  expect(isCalm()).toBe(false);
  pass(2_500);
  expect(isCalm()).toBe(false);
  pass(600);
  expect(isCalm()).toBe(true);
});

test("if the clock of the file system is another host's, ours says how long nothing has changed", () => {
  clocks.files += 60_000; // ahead
  expect(isCalm()).toBe(false);
  pass(60);
  expect(isCalm()).toBe(true);
  clocks.files -= 61_000; // a change, a second behind
  expect(isCalm()).toBe(false);
});

test('what was read can be kept if the directory was calm before, and has not changed since', () => {
  const early = directoryStamp(scratch.folder());
  pass(60);
  const late = directoryStamp(scratch.folder());
  if (early === undefined || late === undefined) throw new Error('the directory has no stamp');
  expect(canBeKept(scratch.folder(), early), 'it was read before that was known').toBe(false);
  expect(canBeKept(scratch.folder(), late)).toBe(true);
  clocks.files += 0.001;
  expect(canBeKept(scratch.folder(), late)).toBe(false);
});

test('each directory has a stamp of its own, one that is not there has none', () => {
  expect(isCalm()).toBe(false);
  pass(60);
  mkdirSync(scratch.path('other'));
  expect(directoryStamp(scratch.path('other'))?.isCalm).toBe(false);
  expect(directoryStamp(scratch.path('none'))).toBeUndefined();
  expect(isCalm()).toBe(true);
});
