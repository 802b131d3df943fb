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

async function rotate(path: string): Promise<void> {
  const copied = await copyLog(path, 5);
  if (copied === undefined) throw new Error('expected something to rotate');
  await closeCopy(copied, cutLog(copied));
}

const lines = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => String(from + i));
const text = (from: number, to: number): string =>
  lines(from, to)
    .map((line) => `${line}\n`)
    .join('');

describe('a log that is followed', () => {
  test('must show each new line when it has its end', () => {
    const path = scratch.write('mail.log', 'old\n');
    const { log, next } = follow(path);
    expect([...log.lastLines(5, false)].map(String)).toEqual(['old']);
    appendFileSync(path, 'a\nhal');
    expect(next()).toEqual(['a']);
    expect(next()).toEqual([]);
    appendFileSync(path, 'f\n');
    expect(next()).toEqual(['half']);
  });

  test('must be shown as soon as it is there', () => {
    const path = scratch.path('mail.log');
    const { log, next } = follow(path);
    expect([log.isThere(), log.problem(), next()]).toEqual([false, undefined, []]);
    writeFileSync(path, 'a\n');
    expect(next()).toEqual(['a']);
  });

  test('must go on behind what our own rotation has cut off', async () => {
    const path = scratch.write('mail.log', text(0, 4_000));
    const { next } = follow(path);
    expect(next()).toEqual(lines(0, 4_000));
    await rotate(path);
    expect(next()).toEqual([]);
    appendFileSync(path, text(4_000, 4_010));
    expect(next()).toEqual(lines(4_000, 4_010));
  });

  test('must find what was cut off before it was read, also by several rotations at once', async () => {
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

  test('must lose nothing of what is cut off while it hands out what was cut off before', async () => {
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

  test('must go over to a new file of that name, after the last of the old one', () => {
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

  test('must follow a copy and truncation by somebody else', () => {
    const path = scratch.write('mail.log', text(0, 10));
    const { next } = follow(path);
    expect(next()).toEqual(lines(0, 10));
    appendFileSync(path, text(10, 12));
    copyFileSync(path, `${path}.1`);
    truncateSync(path);
    appendFileSync(path, text(12, 14));
    expect(next()).toEqual(['10', '11', '12', '13']);
  });

  test('must begin anew where it was emptied', () => {
    const path = scratch.write('mail.log', text(0, 10));
    const { next } = follow(path);
    expect(next()).toEqual(lines(0, 10));
    truncateSync(path);
    expect(next()).toEqual([]);
    appendFileSync(path, text(20, 40));
    expect(next()).toEqual(lines(20, 40));
  });

  test('must come back when it was away', () => {
    const path = scratch.write('mail.log', 'a\n');
    const { next } = follow(path);
    expect(next()).toEqual(['a']);
    renameSync(path, `${path}.away`);
    expect(next()).toEqual([]);
    writeFileSync(path, 'b\n');
    expect(next()).toEqual(['b']);
  });

  test('must say why it cannot be read', () => {
    expect(follow(scratch.folder()).log.problem()).toBe('it is no plain file');
  });
});
