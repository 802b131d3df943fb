import {
  appendFileSync,
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { fileKeyAt } from '../../../src/host/logs/lost-log.ts';
import { renameLog } from '../../../src/host/logs/older.ts';
import { closeCopy, copyLog, cutLog, type Cut } from '../../../src/host/logs/rotate.ts';
import { useScratch } from '../../rig/scratch.ts';
import { until } from '../../rig/wait.ts';

const scratch = useScratch();

async function rotate(path: string, keep = 5): Promise<Cut | undefined> {
  const copied = await copyLog(path, keep);
  if (copied === undefined) return undefined;
  const cut = cutLog(copied);
  closeCopy(copied, cut);
  return cut;
}

/** All of a log, the oldest part first. */
function wholeText(path: string): string {
  let text = '';
  for (let number = 1; existsSync(`${path}.${number}`); number += 1)
    text = readFileSync(`${path}.${number}`, 'utf8') + text;
  return text + readFileSync(path, 'utf8');
}

const numbers = (count: number): string =>
  Array.from({ length: count }, (_, i) => `${i}\n`).join('');

/** Writes numbers as fast as it can until it is asked to end. */
const writer = `
  const { openSync, writeSync, existsSync } = require('node:fs');
  const fd = openSync(process.argv[2], 'a');
  for (let i = 0; i % 1000 !== 0 || !existsSync(process.argv[3]); i += 1) writeSync(fd, i + '\\n');
`;

describe('rotating a log', () => {
  test('must neither lose nor repeat a line of a process that continues to write', async () => {
    const path = scratch.path('mail.log');
    const end = scratch.path('end');
    const child = scratch.run(['node', scratch.write('writer.cjs', writer), path, end]);
    const kinds = new Set<string>();
    for (let round = 0; round < 20; round += 1) {
      await until('more to rotate', () => existsSync(path) && statSync(path).size > 50_000);
      kinds.add((await rotate(path, 100))?.kind ?? 'none');
    }
    scratch.write('end', '');
    await child.ended();
    // On a file system that cannot cut, a line may be lost: nothing to hold then.
    if (kinds.has('truncated')) return;
    const lines = wholeText(path).trimEnd().split('\n');
    expect(lines.findIndex((line, i) => line !== String(i))).toBe(-1);
    expect([...kinds]).toEqual(['cut']);
  });

  test('must keep this many older files and drop the oldest', async () => {
    const path = scratch.path('mail.log');
    for (let round = 0; round < 4; round += 1) {
      appendFileSync(path, `${round}`.repeat(9_000));
      await rotate(path, 2);
    }
    expect(existsSync(`${path}.3`)).toBe(false);
    expect(readFileSync(`${path}.2`, 'utf8')).toContain('2');
    expect(readFileSync(`${path}.1`, 'utf8')).toContain('3');
  });

  test('must keep the mode of the log', async () => {
    const path = scratch.write('mail.log', numbers(5_000));
    chmodSync(path, 0o600);
    await rotate(path);
    expect(statSync(`${path}.1`).mode & 0o777).toBe(0o600);
  });

  test('must fill a gap that a killed rotation left, and drop no file for it', async () => {
    const path = scratch.write('mail.log', numbers(5_000));
    scratch.write('mail.log.2', 'old');
    await rotate(path, 2);
    expect(readFileSync(`${path}.2`, 'utf8')).toBe('old');
  });

  test('must leave alone a log that is too short to be cut', async () => {
    const path = scratch.write('mail.log', 'a\n');
    expect(await rotate(path)).toBeUndefined();
    expect(readFileSync(path, 'utf8')).toBe('a\n');
  });

  test('must do nothing if another program has rotated it meanwhile', async () => {
    const path = scratch.write('mail.log', numbers(5_000));
    const copied = await copyLog(path, 5);
    if (copied === undefined) throw new Error('expected a copy');
    truncateSync(path);
    const cut = cutLog(copied);
    closeCopy(copied, cut);
    expect(cut).toEqual({ kind: 'changed' });
    expect(existsSync(`${path}.1`)).toBe(false);
    expect(existsSync(`${path}.new`)).toBe(false);
  });

  test.each([1, 2, 3, 4])('must lose nothing when killed after its effect %i', async (effects) => {
    const path = scratch.write('mail.log', numbers(5_000));
    scratch.write('mail.log.1', 'before\n');
    const program = scratch.program(`
      import { closeCopy, copyLog, cutLog } from './logs/rotate.ts';
      void (async () => {
        const copied = await copyLog(${JSON.stringify(path)}, 5);
        closeCopy(copied!, cutLog(copied!));
      })();
    `);
    const child = scratch.run(program, { env: { WORKERCTL_TEST_DIE_AFTER: String(effects) } });
    await child.ended();
    await rotate(path); // the next one
    const parts = [4, 3, 2, 1].map((number) => {
      const file = `${path}.${number}`;
      return existsSync(file) ? readFileSync(file, 'utf8') : '';
    });
    const text = parts.join('') + readFileSync(path, 'utf8');
    expect(text.startsWith('before\n')).toBe(true);
    // At worst a piece is there twice: each number must come in its turn, even if others are repeated before it.
    let next = 0;
    for (const line of text.split('\n')) if (line === String(next)) next += 1;
    expect(next).toBe(5_000);
  });
});

describe('a log that its process has lost', () => {
  const lostIn = (fd: number, file: string): { open: string; file: string } => ({
    open: `/proc/${process.pid}/fd/${fd}`,
    file,
  });

  test('must be cut by its open file, into older files beside its path', async () => {
    mkdirSync(scratch.path('log'));
    const path = scratch.write('log/mail.log', numbers(5_000));
    const fd = openSync(path, 'a');
    const lost = lostIn(fd, fileKeyAt(path) ?? '');
    rmSync(scratch.path('log'), { recursive: true });
    const copied = await copyLog(path, 5, { lost });
    if (copied === undefined) throw new Error('expected something to rotate');
    const cut = cutLog(copied);
    closeCopy(copied, cut);
    expect(cut.kind).not.toBe('changed');
    const rest = readFileSync(lost.open, 'utf8');
    expect(readFileSync(`${path}.1`, 'utf8') + rest).toBe(numbers(5_000));
    expect(existsSync(path)).toBe(false);
    closeSync(fd);
  });

  test('must be left alone if the pid belongs to a process with another output by now', async () => {
    const path = scratch.path('mail.log');
    const foreign = scratch.write('foreign.log', numbers(5_000));
    const fd = openSync(foreign, 'a');
    expect(await copyLog(path, 5, { lost: lostIn(fd, '1:1') })).toBeUndefined();
    expect(readFileSync(foreign, 'utf8')).toBe(numbers(5_000));
    closeSync(fd);
  });
});

describe('on a file system that cannot cut', () => {
  let folder: string | undefined;
  afterEach(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true });
    folder = undefined;
  });

  // tmpfs; a host without it has nothing to show here
  test.runIf(existsSync('/dev/shm'))('must copy all and truncate, and say why', async () => {
    folder = mkdtempSync('/dev/shm/workerctl-');
    const path = join(folder, 'mail.log');
    appendFileSync(path, numbers(5_000));
    const cut = await rotate(path);
    expect(wholeText(path)).toBe(numbers(5_000));
    if (cut?.kind === 'truncated') expect(cut.problem).not.toBe('');
    appendFileSync(path, 'on\n');
    expect(wholeText(path)).toBe(`${numbers(5_000)}on\n`);
  });
});

describe('renaming a log', () => {
  test('must set all of it aside and move the older files on', () => {
    const path = scratch.write('mail.log', 'new\n');
    scratch.write('mail.log.1', 'old\n');
    renameLog(path, 5);
    expect(existsSync(path)).toBe(false);
    expect(readFileSync(`${path}.1`, 'utf8')).toBe('new\n');
    expect(readFileSync(`${path}.2`, 'utf8')).toBe('old\n');
  });

  test('must leave alone what is not a regular file', () => {
    const path = scratch.path('none');
    renameLog(path, 5);
    expect(existsSync(`${path}.1`)).toBe(false);
  });
});
