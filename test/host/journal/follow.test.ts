import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { JournalEntry } from '../../../src/core/events/journal.ts';
import { openJournal, type JournalLimits } from '../../../src/host/journal/write.ts';
import { followJournal } from '../../../src/host/journal/follow.ts';
import { readJournal } from '../../../src/host/journal/read.ts';
import { useScratch } from '../../rig/scratch.ts';
import { until } from '../../rig/wait.ts';

const scratch = useScratch();
const stateDir = (): string => scratch.path('state');
const journal = (): string => scratch.path('state/events.ndjson');
const at = '2026-11-21T12:30:01.123Z';
const entry = (n: number): JournalEntry => ({ at, kind: 'started', instance: 'mail.1', n });
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

let ended: AbortController;
let following: Promise<void>[];

beforeEach(() => {
  mkdirSync(stateDir());
  ended = new AbortController();
  following = [];
});

afterEach(async () => {
  ended.abort();
  await Promise.all(following);
});

/** Follows from the present end of the journal; returns what has been reported so far. */
function follow(): unknown[] {
  const reported: unknown[] = [];
  const report = ({ entry: one }: { entry: JournalEntry }): void => {
    reported.push(one['n']);
  };
  following.push(followJournal(stateDir(), readJournal(stateDir()).end, report, ended.signal));
  return reported;
}

async function expectReported(
  reported: readonly unknown[],
  numbers: readonly number[],
): Promise<void> {
  await until('the last line', () => reported.includes(numbers.at(-1)));
  expect(reported).toEqual(numbers);
}

const write = (n: number, limits: Partial<JournalLimits> = {}): void => {
  openJournal(stateDir(), limits).append([entry(n)]);
};

test('added lines must be reported, and nothing else', async () => {
  write(1);
  const reported = follow();
  write(2);
  await expectReported(reported, [2]);
  write(3);
  write(4);
  await expectReported(reported, [2, 3, 4]);
});

test('a journal that is created later must be reported from its first line', async () => {
  rmSync(stateDir(), { recursive: true });
  const reported = follow();
  mkdirSync(stateDir());
  write(1);
  await expectReported(reported, [1]);
});

test('each line must be reported once through rotations', async () => {
  const reported = follow();
  const { append } = openJournal(stateDir(), { maxBytes: 500, keep: 50 });
  for (const n of upTo(200)) {
    append([entry(n)]);
    if (n % 20 === 0) await new Promise(setImmediate);
  }
  await expectReported(reported, upTo(200));
});

test('a late line in a rotated file must be reported', async () => {
  write(1);
  const reported = follow();
  write(2);
  await expectReported(reported, [2]);
  writeFileSync(journal(), '\n'.repeat(2_000), { flag: 'a' });
  write(3, { maxBytes: 1_000 });
  await expectReported(reported, [2, 3]);
  write(4);
  await expectReported(reported, [2, 3, 4]);
  writeFileSync(`${journal()}.1`, `${JSON.stringify(entry(5))}\n`, { flag: 'a' });
  write(6);
  await until('both lines', () => reported.length === 5);
  expect([...reported].sort()).toEqual([2, 3, 4, 5, 6]);
});

test('a line that arrives in two pieces must be reported when it is complete', async () => {
  write(1);
  const reported = follow();
  const line = `${JSON.stringify(entry(2))}\n`;
  writeFileSync(journal(), line.slice(0, 20), { flag: 'a' });
  writeFileSync(journal(), line.slice(20), { flag: 'a' });
  await expectReported(reported, [2]);
});

test('text that is not a line of a journal must be skipped', async () => {
  const reported = follow();
  writeFileSync(journal(), '\u0000garbage\n{"torn');
  write(1);
  await expectReported(reported, [1]);
});

test('a journal that was emptied or removed must be reported from its new beginning', async () => {
  write(1);
  const reported = follow();
  truncateSync(journal(), 0);
  write(2);
  rmSync(journal());
  write(3);
  await until('the last line', () => reported.includes(3));
});

describe('beside older parts, a journal that is removed', () => {
  beforeEach(() => {
    const { append } = openJournal(stateDir(), { maxBytes: 1, keep: 50 });
    for (const n of upTo(3)) append([entry(n)]);
  });

  test('again and again must be reported from its new beginning only', async () => {
    const reported = follow();
    write(4);
    await expectReported(reported, [4]);
    rmSync(journal());
    write(5);
    await expectReported(reported, [4, 5]);
    rmSync(journal());
    write(6);
    await expectReported(reported, [4, 5, 6]);
  });

  test('before anything was added must not cause the older ones to be reported', async () => {
    write(4);
    const reported = follow();
    rmSync(journal());
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    write(5);
    await expectReported(reported, [5]);
  });
});
