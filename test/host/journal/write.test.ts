import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { execFileSync } from 'node:child_process';
import { beforeEach, describe, expect, test } from 'vitest';
import type { JournalEntry } from '../../../src/core/events/journal.ts';
import { openJournal, rotateJournal, type JournalLimits } from '../../../src/host/journal/write.ts';
import { readJournal } from '../../../src/host/journal/read.ts';
import { useScratch } from '../../rig/scratch.ts';
import { until } from '../../rig/wait.ts';

const scratch = useScratch();
const stateDir = (): string => scratch.path('state');
const journal = (): string => scratch.path('state/events.ndjson');
const at = '2026-11-21T12:30:01.123Z';
const entry = (n: number): JournalEntry => ({ at, kind: 'started', instance: 'mail.1', n });
const line = (n: number): string => JSON.stringify(entry(n));
const textOf = (): string => readFileSync(journal(), 'utf8');

beforeEach(() => {
  mkdirSync(stateDir());
});

describe('a journal', () => {
  test('must have a line for each entry, in a file that every user may read', () => {
    const { append, problem } = openJournal(stateDir());
    append([entry(1), entry(2)]);
    append([]);
    append([entry(3)]);
    expect(textOf()).toBe(`${line(1)}\n${line(2)}\n${line(3)}\n`);
    expect(statSync(journal()).mode & 0o777).toBe(0o644);
    expect(problem()).toBeUndefined();
  });

  test('must not be made before there is something to write', () => {
    openJournal(stateDir()).append([]);
    expect(existsSync(journal())).toBe(false);
  });

  test.each([
    ['{"at":"2026', '\n'],
    [line(0), '\n'],
    [`${line(0)}\n`, ''],
    ['', ''],
  ])('must end the line that another writer has left as %j', (torn, healing) => {
    writeFileSync(journal(), torn);
    openJournal(stateDir()).append([entry(1)]);
    expect(textOf()).toBe(`${torn}${healing}${line(1)}\n`);
  });

  test('must end a line that was torn while the file was open', () => {
    const { append } = openJournal(stateDir());
    append([entry(1)]);
    writeFileSync(journal(), '{"torn', { flag: 'a' });
    append([entry(2)]);
    expect(textOf()).toBe(`${line(1)}\n{"torn\n${line(2)}\n`);
  });

  test('must begin again if it was removed', () => {
    const { append } = openJournal(stateDir());
    append([entry(1)]);
    rmSync(journal());
    append([entry(2)]);
    expect(textOf()).toBe(`${line(2)}\n`);
  });

  test('must continue in the new file if another writer has rotated it', () => {
    const { append } = openJournal(stateDir());
    append([entry(1)]);
    renameSync(journal(), `${journal()}.1`);
    writeFileSync(journal(), `${line(2)}\n`);
    append([entry(3)]);
    expect(textOf()).toBe(`${line(2)}\n${line(3)}\n`);
  });

  test('must neither create a removed state directory again nor report a problem', () => {
    const { append, problem } = openJournal(stateDir());
    append([entry(1)]);
    rmSync(stateDir(), { recursive: true });
    append([entry(2)]);
    openJournal(stateDir()).append([entry(3)]);
    expect(existsSync(stateDir())).toBe(false);
    expect(problem()).toBeUndefined();
    mkdirSync(stateDir());
    append([entry(4)]);
    expect(textOf()).toBe(`${line(4)}\n`);
  });
});

describe('a journal that cannot be written', () => {
  test.each<[string, () => void, RegExp]>([
    [
      'a directory',
      () => {
        mkdirSync(journal());
      },
      /EISDIR/,
    ],
    [
      'a link',
      () => {
        symlinkSync('/tmp', journal());
      },
      /ELOOP/,
    ],
    [
      'a FIFO',
      () => {
        execFileSync('mkfifo', [journal()]);
      },
      /expected a file/,
    ],
  ])('must be a problem in words, and not an exception: %s', (_, make, words) => {
    make();
    const { append, problem } = openJournal(stateDir());
    append([entry(1)]);
    expect(problem()).toMatch(words);
    expect(problem()).toContain(journal());
    rmSync(journal(), { recursive: true });
    append([entry(2)]);
    expect(problem()).toBeUndefined();
    expect(textOf()).toBe(`${line(2)}\n`);
  });

  test('must be a problem while the disk is full, and be complete again afterwards', async () => {
    const command = scratch.program(`
      import { openJournal } from './journal/write.ts';
      const journal = openJournal(${JSON.stringify(stateDir())});
      for (let n = 1; n <= 40; n += 1) journal.append([{ ...${line(0)}, n }]);
      console.log(journal.problem() ?? 'no problem');
    `);
    // Blocks of 512 bytes; the kernel takes a part of a line, then none.
    const child = scratch.shell('ulimit -f 2; exec "$@"', ...command);
    await child.ended();
    expect(child.heard()).toMatch(/EFBIG|only a part/);
    expect(statSync(journal()).size).toBe(1024);
    openJournal(stateDir()).append([entry(99)]);
    const { lines, skipped } = readJournal(stateDir());
    expect(lines.at(-1)?.line).toBe(line(99));
    expect(skipped).toBe(1);
  });
});

/**
 * A program that writes lines as fast as it can, in bursts, and prints what it has written. Arguments: its number, how
 * many lines, how many in a burst.
 */
const writer = (limits: JournalLimits): string[] =>
  scratch.program(`
    import { writeSync } from 'node:fs';
    import { openJournal } from './journal/write.ts';
    const [writer, count, burst] = process.argv.slice(2).map(Number);
    const { append, problem } = openJournal(${JSON.stringify(stateDir())}, ${JSON.stringify(limits)});
    const write = (n) => {
      append([{ ...${line(0)}, writer, n, text: 'x'.repeat(n % 97) }]);
      if (problem() !== undefined) console.log(problem());
      writeSync(1, n + '\\n');
      if (n === count) console.log('done');
      else if (n % burst === 0) setImmediate(write, n + 1);
      else write(n + 1);
    };
    write(1);
  `);

/**
 * The numbers of each writer's lines in all files of the journal, oldest first.
 * @param torn how many lines may be incomplete: the kernel may end a write in its middle if its process is killed
 */
function numbersOf(torn = 0): Map<number, number[]> {
  const numbers = new Map<number, number[]>();
  const { lines, skipped } = readJournal(stateDir());
  expect(skipped).toBeLessThanOrEqual(torn);
  for (const { entry: one } of lines) {
    const own = numbers.get(one['writer'] as number) ?? [];
    own.push(one['n'] as number);
    numbers.set(one['writer'] as number, own);
  }
  return numbers;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
const filesOf = (): string[] =>
  readdirSync(stateDir()).filter((name) => name.startsWith('events.ndjson'));

describe('several writers at once', () => {
  const count = 300;

  test.each(['flock', 'perl', 'portable'])(
    'must neither lose nor tear nor repeat a line through rotations under %s',
    async (WORKERCTL_LOCK) => {
      const program = writer({ maxBytes: 4_000, keep: 500 });
      const children = [1, 2, 3, 4, 5, 6].map((number) =>
        scratch.run([...program, String(number), String(count), number % 2 === 0 ? '1' : '7'], {
          env: { WORKERCTL_LOCK },
        }),
      );
      await Promise.all(children.map((child) => child.ended()));
      for (const child of children) expect(child.heard()).toMatch(/^[\d\n]*done\n$/);
      const numbers = numbersOf();
      expect(numbers.size).toBe(children.length);
      // A writer whose file is being rotated writes to that file; none returns to an older one.
      for (const own of numbers.values()) expect(own).toEqual(upTo(count));
      expect(filesOf().length).toBeGreaterThan(2);
    },
  );

  test('must lose nothing that was written before they are killed', async () => {
    const program = writer({ maxBytes: 4_000, keep: 500 });
    const children = [1, 2, 3, 4].map((number) =>
      scratch.run([...program, String(number), '1000000', '3']),
    );
    await Promise.all(children.map((child) => child.says('\n100\n')));
    for (const child of children) child.process.kill('SIGKILL');
    await Promise.all(children.map((child) => child.ended()));
    const numbers = numbersOf(children.length);
    for (const [index, child] of children.entries()) {
      const said = child.heard().split('\n').slice(0, -1).map(Number);
      expect(numbers.get(index + 1)?.slice(0, said.length)).toEqual(said);
    }
  });
});

describe('rotation', () => {
  const full = `${line(0)}\n`.repeat(20);
  const append = (n: number, limits: Partial<JournalLimits>): void => {
    openJournal(stateDir(), { maxBytes: 1_000, ...limits }).append([entry(n)]);
  };
  const fresh = (): Promise<unknown> => until('a rotation', () => !existsSync(journal()));

  test('must rename a large journal and keep the configured number', async () => {
    for (const n of upTo(5)) {
      writeFileSync(journal(), full);
      append(n, { keep: 3 });
      await fresh();
    }
    expect(filesOf().sort()).toEqual(['events.ndjson.1', 'events.ndjson.2', 'events.ndjson.3']);
    const last = upTo(3).map((age) => readFileSync(`${journal()}.${age}`, 'utf8'));
    expect(last).toEqual([5, 4, 3].map((n) => `${full}${line(n)}\n`));
  });

  test('must not touch a small journal', () => {
    append(1, {});
    append(2, {});
    expect(filesOf()).toEqual(['events.ndjson']);
  });

  test('must not rename the small journal that another writer has begun meanwhile', async () => {
    writeFileSync(journal(), line(1));
    expect(await rotateJournal(stateDir(), { maxBytes: 1_000, keep: 3 })).toBe(true);
    expect(filesOf()).toEqual(['events.ndjson']);
  });

  test('must be left to a process that is already doing it', async () => {
    writeFileSync(journal(), full);
    const holder = scratch.shell(
      'exec flock "$1" sh -c "echo held; cat"',
      scratch.path('state/events.lock'),
    );
    await holder.says('held');
    const { append: add, problem } = openJournal(stateDir(), { maxBytes: 1_000 });
    add([entry(1)]);
    await new Promise(setImmediate);
    add([entry(2)]);
    expect(filesOf()).toEqual(['events.ndjson']);
    expect(problem()).toBeUndefined();
    holder.process.stdin?.end();
    await holder.ended();
    append(3, {});
    await fresh();
    expect(readFileSync(`${journal()}.1`, 'utf8')).toBe(
      `${full}${[1, 2, 3].map((n) => `${line(n)}\n`).join('')}`,
    );
  });

  test('that was killed half way must be continued, and nothing be lost', async () => {
    const program = writer({ maxBytes: 1_000, keep: 5 });
    for (const age of upTo(4)) writeFileSync(`${journal()}.${age}`, `${line(-age)}\n`);
    for (const step of [1, 2, 3, 4]) {
      writeFileSync(journal(), `${line(100 + step)}\n`, { flag: 'a' });
      const child = scratch.run([...program, '1', '20', '5'], {
        env: { WORKERCTL_TEST_DIE_AFTER: String(step) },
      });
      await child.ended();
      expect(child.process.signalCode).toBe('SIGKILL');
      const found = readJournal(stateDir()).lines.map(({ entry: one }) => one['n']);
      // The oldest may be removed: that is what a rotation does.
      for (const n of [-1, 100 + step]) expect(found).toContain(n);
      expect(new Set(filesOf()).size).toBeLessThanOrEqual(6);
    }
  });

  test('that cannot be done must be a problem, and lose no line', async () => {
    writeFileSync(journal(), full);
    mkdirSync(`${journal()}.1`);
    const { append: add, problem } = openJournal(stateDir(), { maxBytes: 1_000, keep: 1 });
    add([entry(1)]);
    await until('the problem', () => problem() !== undefined);
    add([entry(2)]);
    expect(problem()).toMatch(/EISDIR/);
    expect(textOf()).toBe(`${full}${line(1)}\n${line(2)}\n`);
  });
});
