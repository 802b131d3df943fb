import xterm from '@xterm/headless';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { changeLines, eraseLines, frameMs, paced } from '../../src/output/screen.ts';
import { cut } from '../../src/output/width.ts';

const columns = 20;
const rows = 12;

/** What a terminal shows after these writes, and the row of its cursor. */
async function shownAfter(...writes: readonly string[]) {
  const terminal = new xterm.Terminal({
    cols: columns,
    rows,
    allowProposedApi: true,
    scrollback: 100,
  });
  await new Promise<void>((done) => {
    terminal.write(writes.join(''), done);
  });
  const { active } = terminal.buffer;
  const lines = Array.from(
    { length: active.length },
    (_, row) => active.getLine(row)?.translateToString(true) ?? '',
  );
  const cursor = active.baseY + active.cursorY;
  return { lines: lines.slice(0, lines.findLastIndex((line) => line !== '') + 1), cursor };
}

/** Most lines of two frames are often the same, and many are as wide as the terminal. */
const aLine = fc
  .oneof(
    fc.constantFrom('', 'a', 'mail.1  draining', 'x'.repeat(columns), '漢'.repeat(columns / 2)),
    fc.string({ unit: fc.constantFrom('a', 'b', ' ', '漢', '🎉', 'é'), maxLength: columns }),
  )
  .map((line) => cut(line, columns).trimEnd());
const aFrame = fc.array(aLine, { maxLength: rows - 1 });

const withoutEnd = (lines: readonly string[]): string[] =>
  lines.slice(0, lines.findLastIndex((line) => line !== '') + 1);

describe('a change of lines', () => {
  test('must write only what differs', () => {
    const before = ['header 1', 'mail.1', 'mail.2', 'mail.3'];
    expect(changeLines(before, [...before])).toBe('');
    const changed = changeLines(before, ['header 2', 'mail.1', 'mail.2', 'm.3']);
    expect(changed).toBe('\x1b[?7lheader 2\r\r\n\r\n\r\nm.3\x1b[K\r\r\x1b[3A\x1b[?7h');
  });

  test('must show any frame after any other, whatever was printed before', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: 20 }),
        fc.boolean(),
        fc.array(aFrame, { minLength: 1, maxLength: 4 }),
        async (printed, isErased, frames) => {
          const above = Array.from({ length: printed }, (_, index) => `line ${index}`);
          const writes = above.map((line) => `${line}\r\n`);
          let before: readonly string[] = [];
          for (const frame of frames) {
            writes.push(changeLines(before, frame));
            before = frame;
          }
          const shown = isErased ? above : [...above, ...before];
          const { lines, cursor } = await shownAfter(...writes, isErased ? eraseLines : '');
          expect(lines).toEqual(withoutEnd(shown));
          expect(cursor).toBe(above.length);
        },
      ),
      { numRuns: 200 },
    );
  });

  test('must not move other lines if one is too wide', async () => {
    const wide = changeLines([], ['a', 'x'.repeat(3 * columns), 'c']);
    expect((await shownAfter(wide)).lines).toEqual(['a', 'x'.repeat(columns), 'c']);
    expect((await shownAfter(wide, eraseLines, 'y'.repeat(columns + 1))).lines).toEqual([
      'y'.repeat(columns),
      'y',
    ]);
  });

  test('must not grow with the lines that stay', () => {
    const frame = Array.from({ length: 100 }, (_, index) => `mail.${index}  waiting`);
    const next = frame.with(3, 'mail.3  draining');
    expect(changeLines(frame, next).length).toBeLessThan(60);
  });
});

describe('paced frames', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('the first must be drawn at once, and no two within a quarter of a second', () => {
    const draw = vi.fn();
    const { ask } = paced(draw);
    ask();
    expect(draw).toHaveBeenCalledTimes(1);
    for (let ms = 0; ms < 1_000; ms += 10) {
      ask();
      vi.advanceTimersByTime(10);
    }
    expect(draw).toHaveBeenCalledTimes(1_000 / frameMs + 1);
  });

  test('none must be drawn if none is asked for', () => {
    const draw = vi.fn();
    const { ask } = paced(draw);
    ask();
    ask();
    vi.advanceTimersByTime(10_000);
    expect(draw).toHaveBeenCalledTimes(2);
    ask();
    expect(draw).toHaveBeenCalledTimes(3);
  });

  test('none must be drawn after the end', () => {
    const draw = vi.fn();
    const { ask, end } = paced(draw);
    ask();
    ask();
    end();
    ask();
    vi.advanceTimersByTime(10_000);
    expect(draw).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});
