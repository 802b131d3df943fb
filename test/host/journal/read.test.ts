import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { WorkerctlError } from '../../../src/core/basics/error.ts';
import { momentOf } from '../../../src/core/basics/time.ts';
import { readJournal, type JournalQuery } from '../../../src/host/journal/read.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();
const stateDir = (): string => scratch.path('state');
const noon = Date.UTC(2026, 10, 21, 12);
const minute = 60_000;

/** A line of this many minutes after noon. */
const line = (n: number, instance = 'mail.1'): string =>
  JSON.stringify({ at: new Date(noon + n * minute).toISOString(), kind: 'started', instance, n });

/** Writes a file of the journal, 0 for the one that is written to. */
function write(age: number, ...lines: readonly string[]): void {
  const text = lines.map((one) => `${one}\n`).join('');
  writeFileSync(scratch.path(`state/events.ndjson${age === 0 ? '' : `.${age}`}`), text);
}

const numbers = (query?: JournalQuery): unknown[] =>
  readJournal(stateDir(), query).lines.map(({ entry }) => entry['n']);

beforeEach(() => {
  mkdirSync(stateDir());
});

describe('readJournal', () => {
  test('must return all lines of all files unchanged and in order', () => {
    write(0, line(5), line(6));
    write(1, line(3), line(4));
    write(2, line(1), line(2));
    const { lines, skipped } = readJournal(stateDir());
    expect(lines.map((one) => one.line)).toEqual([1, 2, 3, 4, 5, 6].map((n) => line(n)));
    expect(skipped).toBe(0);
  });

  test('must return lines beyond a gap in the numbers, and those of a rotated journal alone', () => {
    write(4, line(1));
    write(11, line(0));
    expect(numbers()).toEqual([0, 1]);
    write(0);
    expect(numbers()).toEqual([0, 1]);
  });

  test('must return the latest lines if there is a limit', () => {
    write(0, line(4), line(5));
    write(1, line(1), line(2), line(3));
    expect(numbers({ limit: 3 })).toEqual([3, 4, 5]);
    expect(numbers({ limit: 99 })).toEqual([1, 2, 3, 4, 5]);
    expect(numbers({ limit: 0 })).toEqual([]);
  });

  test('must return the latest lines that match', () => {
    write(0, line(3), line(4, 'images.a'));
    write(1, line(1, 'images.a'), line(2));
    const matches: JournalQuery['matches'] = ({ instance }) => instance === 'mail.1';
    expect(numbers({ matches })).toEqual([2, 3]);
    expect(numbers({ matches, limit: 1 })).toEqual([3]);
  });

  test('must not parse lines without the text that they must mention', () => {
    write(0, line(1), 'garbage', line(2, 'images.a'), '"mail.1" garbage', line(3, 'images.a'));
    const { lines, skipped, end } = readJournal(stateDir(), { mention: '"mail.1"' });
    expect(lines.map(({ entry }) => entry['n'])).toEqual([1]);
    expect(skipped).toBe(1);
    expect(end).toEqual(readJournal(stateDir()).end);
  });

  test('must return nothing older than requested, even if a clock was set back', () => {
    write(0, line(50), line(30), line(60));
    write(1, line(-300), line(40));
    expect(numbers({ since: momentOf(noon + 40 * minute) })).toEqual([40, 50, 60]);
  });

  test('must read no further than necessary', () => {
    write(0, line(100));
    mkdirSync(scratch.path('state/events.ndjson.1'));
    expect(numbers({ limit: 0 })).toEqual([]);
    write(0, line(0), line(100));
    expect(numbers({ since: momentOf(noon + 90 * minute) })).toEqual([100]);
    expect(() => numbers()).toThrow('expected a file');
  });

  test('must count lines that are not entries', () => {
    write(0, 'garbage', line(1), '', '\u0000\u0001', '{"at":', line(2), '[]');
    const { lines, skipped } = readJournal(stateDir());
    expect(lines.map(({ entry }) => entry['n'])).toEqual([1, 2]);
    expect(skipped).toBe(4);
  });

  test('must continue after a last line that lacks only its newline, and before a torn one', () => {
    const path = scratch.path('state/events.ndjson');
    writeFileSync(path, `${line(1)}\n${line(2)}`);
    expect(numbers()).toEqual([1, 2]);
    expect(readJournal(stateDir()).end?.offset).toBe(line(1).length + 1 + line(2).length);
    writeFileSync(path, `${line(1)}\n{"at"`);
    expect(readJournal(stateDir())).toMatchObject({
      skipped: 1,
      end: { offset: line(1).length + 1 },
    });
  });

  test('must find nothing if there is no journal', () => {
    const nothing = { lines: [], skipped: 0, end: undefined };
    expect(readJournal(stateDir())).toEqual(nothing);
    rmSync(stateDir(), { recursive: true });
    expect(readJournal(stateDir())).toEqual(nothing);
    mkdirSync(stateDir());
    write(0);
    expect(readJournal(stateDir())).toMatchObject({ lines: [], skipped: 0, end: { offset: 0 } });
  });

  test('must return the end of a huge journal at once', () => {
    write(0);
    truncateSync(scratch.path('state/events.ndjson'), 50 * 1024 ** 3);
    writeFileSync(scratch.path('state/events.ndjson'), `\n${line(1)}\n${line(2)}\n`, { flag: 'a' });
    expect(numbers({ limit: 2 })).toEqual([1, 2]);
  });

  test('must give up on a file without end, and go on with the older ones', () => {
    write(0, line(3));
    truncateSync(scratch.path('state/events.ndjson'), 2 ** 40);
    write(1, line(1), line(2));
    const { lines, skipped } = readJournal(stateDir());
    expect(lines.map(({ entry }) => entry['n'])).toEqual([1, 2]);
    expect(skipped).toBe(1);
  });

  test('must get through a file that is not text', () => {
    writeFileSync(scratch.path('state/events.ndjson'), Buffer.alloc(3_000_000, 0xff));
    write(1, line(1));
    expect(readJournal(stateDir())).toMatchObject({ skipped: 1, lines: [{ line: line(1) }] });
  });

  test.each<[string, () => void, RegExp]>([
    [
      'a directory',
      () => {
        mkdirSync(scratch.path('state/events.ndjson'));
      },
      /expected a file/,
    ],
    [
      'a FIFO',
      () => {
        execFileSync('mkfifo', [scratch.path('state/events.ndjson')]);
      },
      /expected a file/,
    ],
  ])('must report that the journal cannot be read: %s', (_, make, words) => {
    make();
    expect(() => readJournal(stateDir())).toThrow(WorkerctlError);
    expect(() => readJournal(stateDir())).toThrow(words);
  });

  test('must leave no file open', () => {
    const open = (): number => readdirSync('/proc/self/fd').length;
    write(0, line(1), line(2));
    write(1, line(0));
    const before = open();
    numbers();
    numbers({ limit: 1 });
    numbers({ since: momentOf(noon + 999 * minute) });
    expect(open()).toBe(before);
  });
});
