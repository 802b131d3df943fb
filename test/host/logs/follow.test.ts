import { appendFileSync, copyFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { followLog, type FollowedLog } from '../../../src/host/logs/follow.ts';
import { renameLog } from '../../../src/host/logs/older.ts';
import { closeCopy, copyLog, cutLog } from '../../../src/host/logs/rotate.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();
const open: FollowedLog[] = [];
afterEach(() => {
  for (const log of open.splice(0)) log.close();
});

function follow(path: string): { log: FollowedLog; next: () => string[] } {
  const log = followLog(path);
  open.push(log);
  return { log, next: () => [...log.newLines()].map(String) };
}

async function rotate(path: string, keep = 5): Promise<void> {
  const copied = await copyLog(path, keep);
  if (copied === undefined) throw new Error('expected something to rotate');
  closeCopy(copied, cutLog(copied));
}

const lines = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => String(from + i));
const text = (from: number, to: number): string =>
  lines(from, to)
    .map((line) => `${line}\n`)
    .join('');

describe('a log that is followed', () => {
  test('must show each new line once it is finished', () => {
    const path = scratch.write('mail.log', 'old\n');
    const { log, next } = follow(path);
    expect([...log.lastLines(5, false)].map(String)).toEqual(['old']);
    appendFileSync(path, 'a\nhal');
    expect(next()).toEqual(['a']);
    expect(next()).toEqual([]);
    appendFileSync(path, 'f\n');
    expect(next()).toEqual(['half']);
  });

  test('must be shown as soon as it exists', () => {
    const path = scratch.path('mail.log');
    const { log, next } = follow(path);
    expect([log.isThere(), log.problem(), next()]).toEqual([false, undefined, []]);
    writeFileSync(path, 'a\n');
    expect(next()).toEqual(['a']);
  });

  test('must continue after what our own rotation has cut off', async () => {
    const path = scratch.write('mail.log', text(0, 4_000));
    const { next } = follow(path);
    expect(next()).toEqual(lines(0, 4_000));
    await rotate(path);
    expect(next()).toEqual([]);
    appendFileSync(path, text(4_000, 4_010));
    expect(next()).toEqual(lines(4_000, 4_010));
  });

  test('must show what was cut off before it was read, also by several rotations', async () => {
    const path = scratch.write('mail.log', text(0, 100));
    scratch.write('mail.log.1', 'of another day\n');
    const { next } = follow(path);
    expect(next()).toEqual(lines(0, 100));
    appendFileSync(path, text(100, 4_000));
    await rotate(path);
    appendFileSync(path, text(4_000, 8_000));
    await rotate(path);
    appendFileSync(path, text(8_000, 20_000)); // longer than it was when we looked
    expect(next()).toEqual(lines(100, 20_000));
  });

  test('must show what is cut off while earlier lines are being printed', async () => {
    const path = scratch.write('mail.log', text(0, 10));
    const { log, next } = follow(path);
    const all = next();
    appendFileSync(path, text(10, 4_000));
    await rotate(path);
    const printing = log.newLines()[Symbol.iterator]();
    all.push(String(printing.next().value));
    appendFileSync(path, text(4_000, 8_000));
    await rotate(path);
    appendFileSync(path, text(8_000, 12_000));
    for (let line = printing.next(); line.done !== true; line = printing.next())
      all.push(String(line.value));
    expect([...all, ...next()]).toEqual(lines(0, 12_000));
  });

  test('must switch to a new file of that name after the last line of the old one', () => {
    const path = scratch.write('mail.log', text(0, 10));
    const { next } = follow(path);
    expect(next()).toEqual(lines(0, 10));
    appendFileSync(path, `${text(10, 12)}half`);
    renameLog(path, 5);
    writeFileSync(path, text(20, 22));
    expect(next()).toEqual(['10', '11', 'half', '20', '21']);
    appendFileSync(path, text(22, 23));
    expect(next()).toEqual(['22']);
  });

  test('must show all of a file that was renamed and replaced twice between two looks', () => {
    const path = scratch.write('mail.log', text(0, 10));
    const { next } = follow(path);
    expect(next()).toEqual(lines(0, 10));
    appendFileSync(path, text(10, 12));
    renameLog(path, 5);
    writeFileSync(path, text(12, 14));
    renameLog(path, 5);
    writeFileSync(path, text(14, 16));
    expect([...next(), ...next()]).toEqual(lines(10, 16));
  });

  test('must show all of a file that was cut and then renamed between two looks', async () => {
    const path = scratch.write('mail.log', text(0, 10));
    const { next } = follow(path);
    expect(next()).toEqual(lines(0, 10));
    appendFileSync(path, text(10, 4_000));
    await rotate(path);
    appendFileSync(path, text(4_000, 4_010));
    renameLog(path, 5);
    writeFileSync(path, text(4_010, 4_020));
    expect([...next(), ...next()]).toEqual(lines(10, 4_020));
  });

  test('must finish a renamed file that is far longer than one look reads', () => {
    const path = scratch.write('mail.log', 'first\n');
    const { next } = follow(path);
    expect(next()).toEqual(['first']);
    const line = 'x'.repeat(1_000);
    for (let piece = 0; piece < 10; piece += 1) appendFileSync(path, `${line}\n`.repeat(1_000));
    renameLog(path, 5);
    writeFileSync(path, 'new\n');
    const shown: string[] = [];
    for (let more = next(); more.length > 0; more = next()) shown.push(...more);
    expect([shown.length, shown.at(-1)]).toEqual([10_001, 'new']);
  });

  test('must show what is left, each line once, if more was rotated away than is kept', async () => {
    const path = scratch.write('mail.log', text(0, 10));
    scratch.write('mail.log.1', 'of another day\n');
    const { next } = follow(path);
    expect(next()).toEqual(lines(0, 10));
    appendFileSync(path, text(10, 4_000));
    await rotate(path, 1);
    appendFileSync(path, text(4_000, 8_000));
    await rotate(path, 1); // the inode of the file of another day may be given away again
    appendFileSync(path, text(8_000, 8_010));
    const shown = next().map(Number);
    expect(shown.at(-1)).toBe(8_009);
    expect(shown.length).toBeGreaterThan(3_000);
    expect(shown.slice(2).every((number, i) => number === Number(shown[i + 1]) + 1)).toBe(true);
  });

  test('must follow a copy and truncation by another program', () => {
    const path = scratch.write('mail.log', text(0, 10));
    const { next } = follow(path);
    expect(next()).toEqual(lines(0, 10));
    appendFileSync(path, text(10, 12));
    copyFileSync(path, `${path}.1`);
    truncateSync(path);
    appendFileSync(path, text(12, 14));
    expect(next()).toEqual(['10', '11', '12', '13']);
  });

  test('must start again at the beginning if it was emptied', () => {
    const path = scratch.write('mail.log', text(0, 10));
    const { next } = follow(path);
    expect(next()).toEqual(lines(0, 10));
    truncateSync(path);
    expect(next()).toEqual([]);
    appendFileSync(path, text(20, 40));
    expect(next()).toEqual(lines(20, 40));
  });

  test('must be shown again after it was moved away', () => {
    const path = scratch.write('mail.log', 'a\n');
    const { next } = follow(path);
    expect(next()).toEqual(['a']);
    renameSync(path, `${path}.away`);
    expect(next()).toEqual([]);
    writeFileSync(path, 'b\n');
    expect(next()).toEqual(['b']);
  });

  test('must say why it cannot be read', () => {
    expect(follow(scratch.folder()).log.problem()).toBe('it is not a regular file');
  });
});
