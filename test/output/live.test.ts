import { busyWith } from '../../src/core/model/activity.ts';
import xterm from '@xterm/headless';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Progress, ProgressView } from '../../src/core/views/phase.ts';
import { durationOf, momentOf } from '../../src/core/basics/time.ts';
import { createLiveView, formatLive, type Size } from '../../src/output/live.ts';
import { plain } from '../../src/output/plain.ts';
import { phases } from '../../src/output/progress.ts';
import { frameMs } from '../../src/output/screen.ts';
import width from '../../src/output/width.ts';
import { noon } from '../core/builders.ts';

const usual: Size = { columns: 80, rows: 24 };
const esc = String.fromCharCode(27);

const item = (instance: string, more: Partial<Progress> = {}): Progress => ({
  instance,
  phase: 'waiting',
  detail: '',
  ...more,
});
const viewOf = (...items: Progress[]): ProgressView => ({
  command: 'restart',
  at: noon,
  elapsed: durationOf(70_000),
  items,
});
const many = (count: number, more: Partial<Progress> = {}): Progress[] =>
  Array.from({ length: count }, (_, index) => item(`mail.${index}`, more));
const linesOf = (view: ProgressView, size = usual): string[] => formatLive(view, size, plain);

/** What a live view shows: an empty line, then a frame. */
const shownOf = (view: ProgressView, size: Size): string[] => ['', ...linesOf(view, size)];
const ago = (seconds: number) => momentOf(noon - seconds * 1000);

const draining = item('delayed_job.3', {
  phase: 'draining',
  pid: 5843,
  since: durationOf(130_000),
  activity: busyWith([{ what: 'job 212', since: ago(130) }]),
});

describe('a frame', () => {
  test('must show failures first, then what is going on, in aligned columns', () => {
    const view = viewOf(
      item('delayed_job.1', { phase: 'done', pid: 9001, since: durationOf(4_000) }),
      item('delayed_job.2'),
      draining,
      item('mail.1', { phase: 'failed', detail: 'exit status 3' }),
      item('mail.2', { phase: 'down', detail: 'next start in 4s' }),
      item('mail.3', { phase: 'starting', pid: 77, since: durationOf(500) }),
      item('mail.4', { phase: 'draining', pid: 78, limit: durationOf(30_000) }),
    );
    expect(linesOf(view)).toEqual([
      'restart [>----] 1/7  1 failed, 2 draining, 1 starting, 1 down, 1 waiting  1m 10s',
      'mail.1         failed                       exit status 3',
      'delayed_job.3  draining  pid 5843  2m 10s   job 212 for 2m 10s, no limit',
      'mail.4         draining  pid 78             limit in 30s',
      'mail.3         starting  pid 77    0s',
      'mail.2         down                         next start in 4s',
      'delayed_job.2  waiting',
      'delayed_job.1  done      pid 9001  4s',
    ]);
  });

  test.each([
    [0, '[>-------------------] 0/4'],
    [1, '[=====>--------------] 1/4'],
    [4, '[====================] 4/4'],
  ])('must have a bar for %i of 4 done', (done, bar) => {
    const items = [...many(done, { phase: 'done' }), ...many(4 - done)];
    expect(linesOf(viewOf(...items))[0]).toContain(`restart ${bar}  0 failed`);
  });

  test.each([
    [busyWith([{ what: 'job 212', since: ago(120) }]), 'job 212 for 2m, no limit'],
    [busyWith([{ what: 'job 212' }]), 'job 212, no limit'],
    [busyWith([{ what: '' }]), 'busy, no limit'],
    [{ kind: 'idle', since: ago(120) }, 'idle, no limit'],
  ] as const)('must say what an instance is doing: %j', (activity, words) => {
    const [, line] = linesOf(viewOf(item('mail.1', { phase: 'draining', activity })));
    expect(line).toMatch(new RegExp(`^mail.1 {2}draining +${words}$`));
  });

  test('must take half of the screen at most, with the empty line above it', () => {
    for (const rows of [24, 40, 50, 7])
      expect(
        linesOf(viewOf(...many(200, { phase: 'draining' })), { columns: 80, rows }),
      ).toHaveLength(Math.floor(rows / 2) - 1);
    expect(linesOf(viewOf(...many(3)), { columns: 80, rows: 5 })).toEqual([
      'restart [>-------------------] 0/3  0 failed, 3 waiting  1m 10s',
    ]);
  });

  test('must only count those that wait or are done, if not all have room', () => {
    const items = [...many(20, { phase: 'done' }), ...many(75), ...many(5, { phase: 'down' })];
    const lines = linesOf(viewOf(...items), { columns: 80, rows: 60 });
    expect(lines).toHaveLength(7);
    expect(lines[1]).toMatch(/^mail.0 +down/);
    expect(lines.at(-1)).toBe('… and 95 more: 75 waiting, 20 done');
  });

  test('must show every instance if all have room', () => {
    const items = [...many(3, { phase: 'done' }), ...many(7)];
    expect(linesOf(viewOf(...items))).toHaveLength(11);
  });

  test('must say the essential in twenty columns', () => {
    expect(linesOf(viewOf(draining), { columns: 20, rows: 24 })).toEqual([
      'restart 0/1  0 fail…',
      'delayed_job.3  drai…',
    ]);
  });

  test('must leave out pids if there is little room', () => {
    expect(linesOf(viewOf(draining), { columns: 50, rows: 24 })[1]).toBe(
      'delayed_job.3  draining  2m 10s   job 212 for 2m …',
    );
  });

  test('must count two columns for each wide character, and keep to one line', () => {
    const what = '漢字🎉\n'.repeat(20);
    const [, line = ''] = linesOf(viewOf(item('a', { phase: 'draining', detail: what })), {
      columns: 50,
      rows: 24,
    });
    expect(line).toMatch(/^a {2}draining +no limit, 漢字🎉 漢.*…$/u);
    const taken = line.length + (line.match(/[漢字]/gu) ?? []).length;
    expect(taken).toBeLessThanOrEqual(50);
    expect(taken).toBeGreaterThanOrEqual(48);
  });

  test('must colour only phases', () => {
    const red = (text: string): string => `${esc}[31m${text}${esc}[39m`;
    const [, line] = formatLive(viewOf(item('a', { phase: 'failed' })), usual, { ...plain, red });
    expect(line).toBe(`a  ${red('failed')}`);
  });

  test('must fit into any terminal', () => {
    const anItem = fc.record({
      instance: fc.stringMatching(/^[a-z]{1,40}$/),
      phase: fc.constantFrom(...phases),
      pid: fc.integer({ min: 1, max: 4_194_304 }),
      detail: fc.string({ unit: 'grapheme-ascii' }),
    });
    const aSize = fc.record({ columns: fc.nat({ max: 120 }), rows: fc.nat({ max: 40 }) });
    fc.assert(
      fc.property(fc.array(anItem, { maxLength: 40 }), aSize, (items, size) => {
        const lines = linesOf(viewOf(...items), size);
        expect(lines.length).toBeLessThanOrEqual(Math.max(0, size.rows / 2 - 1));
        for (const line of lines) expect(width(line)).toBeLessThanOrEqual(size.columns);
      }),
    );
  });
});

/** A live view, and a real terminal without a window that has got all that it has written. */
function aTerminal(columns: number, rows: number) {
  const now = { columns, rows };
  const steps: ((terminal: xterm.Terminal) => Promise<void>)[] = [];
  const writes: string[] = [];
  const write = (text: string): void => {
    writes.push(text);
    steps.push(
      (terminal) =>
        new Promise((done) => {
          terminal.write(text, done);
        }),
    );
  };
  const resize = (toColumns: number, toRows: number): void => {
    Object.assign(now, { columns: toColumns, rows: toRows });
    steps.push((terminal) => {
      terminal.resize(toColumns, toRows);
      return Promise.resolve();
    });
  };
  const live = createLiveView(write, () => ({ ...now }), plain);
  /** Everything that it shows and has shown, with wrapped lines joined again. */
  const seen = async () => {
    vi.useRealTimers();
    const terminal = new xterm.Terminal({
      cols: columns,
      rows,
      allowProposedApi: true,
      convertEol: true,
    });
    // tmux puts what is erased from there on into the scrollback; this terminal does not.
    let erasedFromFirstCell = 0;
    terminal.parser.registerCsiHandler({ final: 'J' }, () => {
      const { cursorX, cursorY } = terminal.buffer.active;
      if (cursorX === 0 && cursorY === 0) erasedFromFirstCell++;
      return false;
    });
    for (const step of steps) await step(terminal);
    const { active } = terminal.buffer;
    const lines: string[] = [];
    for (let at = 0; at < active.length; at++) {
      const line = active.getLine(at);
      const shown = line?.translateToString(true) ?? '';
      if (line?.isWrapped === true) lines.push((lines.pop() ?? '') + shown);
      else lines.push(shown);
    }
    return { lines: lines.join('\n').trimEnd().split('\n'), erasedFromFirstCell };
  };
  const draw = (view: ProgressView): void => {
    live.draw(view);
    vi.advanceTimersByTime(frameMs);
  };
  const printAbove = (text: string): void => {
    live.printAbove(text);
    vi.advanceTimersByTime(frameMs);
  };
  return { ...live, draw, printAbove, live, write, writes, seen, resize };
}

describe('a live view', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('must not change printed text, even if the terminal scrolls', async () => {
    const printed = Array.from({ length: 50 }, (_, index) => `event ${index}`);
    for (const isEnded of [false, true]) {
      vi.useFakeTimers();
      const { live, draw, write, end, seen } = aTerminal(40, 16);
      write('$ workerctl restart\n');
      for (const [index, event] of printed.entries()) {
        draw(viewOf(...many((index % 12) + 1)));
        live.printAbove(`${event}\n`);
      }
      draw(viewOf(draining));
      if (isEnded) end();
      const frame = isEnded ? [] : shownOf(viewOf(draining), { columns: 40, rows: 16 });
      expect((await seen()).lines).toEqual(['$ workerctl restart', ...printed, ...frame]);
    }
  });

  test('must not erase the screen from its first cell on', async () => {
    const { draw, printAbove, end, seen } = aTerminal(40, 8);
    draw(viewOf(...many(12)));
    draw(viewOf(...many(13)));
    printAbove('event');
    end();
    const { lines, erasedFromFirstCell } = await seen();
    expect(lines).toEqual(['event']);
    expect(erasedFromFirstCell).toBe(0);
  });

  test('must cope with lines that fill the whole width, and with longer events', async () => {
    const { draw, printAbove, seen } = aTerminal(30, 10);
    const view = viewOf(item('a', { phase: 'draining', detail: 'x'.repeat(100) }));
    const event = 'a long event that takes more than one row of this terminal';
    draw(view);
    printAbove(event);
    draw(view);
    expect((await seen()).lines).toEqual([event, ...shownOf(view, { columns: 30, rows: 10 })]);
  });

  test.each([
    ['narrower', 33, 24],
    ['much narrower', 20, 24],
    ['wider', 120, 24],
    ['lower', 80, 12],
    ['higher', 80, 50],
    ['narrower and lower', 60, 14],
  ])('must remove its old frame if the terminal has become %s', async (_, columns, rows) => {
    const { live, draw, printAbove, write, seen, resize } = aTerminal(80, 24);
    const view = viewOf(draining, ...many(3, { phase: 'draining', pid: 5, detail: 'until noon' }));
    write('before\n');
    draw(view);
    resize(columns, rows);
    live.redraw();
    vi.advanceTimersByTime(frameMs);
    printAbove('event');
    const frame = shownOf(view, { columns, rows });
    const { lines, erasedFromFirstCell } = await seen();
    expect(lines).toEqual(['before', 'event', ...frame]);
    expect(erasedFromFirstCell).toBe(0);
  });

  test('must not change printed text, even if its old frame no longer fits', async () => {
    const { draw, printAbove, write, seen, resize } = aTerminal(80, 24);
    const view = viewOf(draining, ...many(8, { phase: 'starting' }));
    write('before\n');
    draw(view);
    resize(12, 6);
    printAbove('event');
    const { lines, erasedFromFirstCell } = await seen();
    const frame = shownOf(view, { columns: 12, rows: 6 });
    expect(lines[0]).toBe('before');
    // The empty line ends the rest of the old frame: tmux would join the event to it.
    expect(lines.slice(-frame.length - 2)).toEqual(['', 'event', ...frame]);
    expect(erasedFromFirstCell).toBe(0);
  });

  test('must write four times a second at most, and nothing if nothing has changed', () => {
    const { live, writes } = aTerminal(80, 24);
    for (let ms = 0; ms < 10_000; ms += 10) {
      live.draw(viewOf(item('a', { detail: String(ms) })));
      live.printAbove(`event ${ms}`);
      vi.advanceTimersByTime(10);
    }
    expect(writes.length).toBeLessThanOrEqual(41);
    live.draw(viewOf(draining));
    vi.advanceTimersByTime(1_000);
    const { length } = writes;
    for (let times = 0; times < 10; times++) {
      live.draw(viewOf(draining));
      vi.advanceTimersByTime(1_000);
    }
    expect(writes).toHaveLength(length);
  });

  test('must write only the lines that have changed', () => {
    const { draw, writes } = aTerminal(80, 24);
    draw(viewOf(...many(9), item('b')));
    draw(viewOf(...many(9), item('b', { detail: 'at last' })));
    expect(writes).toHaveLength(2);
    expect(writes[1]).toContain('at last');
    expect(writes[1]).not.toContain('mail.');
  });

  test('must use only what every terminal has', () => {
    const { draw, printAbove, end, writes } = aTerminal(80, 24);
    draw(viewOf(draining));
    printAbove('event');
    end();
    const used = writes.join('').match(new RegExp(`${esc}\\[[^A-Za-z]*[A-Za-z]`, 'g')) ?? [];
    const [frame, erased] = [
      ['[?7l', '[1A', '[?7h'],
      ['[2A', '[J', '[1A'],
    ];
    expect(used).toEqual(
      ['[?25l', ...frame, ...erased, ...frame, ...erased, '[?25h'].map((each) => esc + each),
    );
  });

  test('must step aside for others, show the cursor, and come back below what they wrote', async () => {
    const { live, draw, write, writes, seen } = aTerminal(80, 24);
    draw(viewOf(draining));
    live.printAbove('first');
    live.printAbove('event');
    live.stepAside();
    expect(writes.at(-1)).toContain(`event\n${esc}[?25h`);
    live.stepAside();
    expect(writes).toHaveLength(3);
    write('message\n');
    vi.advanceTimersByTime(10_000);
    expect(writes).toHaveLength(4);
    draw(viewOf(draining));
    const frame = shownOf(viewOf(draining), usual);
    expect((await seen()).lines).toEqual(['first', 'event', 'message', ...frame]);
  });

  test('must end once, keep what was to be printed, and only print from then on', async () => {
    const { live, draw, end, writes, seen } = aTerminal(80, 24);
    draw(viewOf(draining));
    live.printAbove('event');
    live.printAbove('last');
    end();
    end();
    live.draw(viewOf(draining));
    live.redraw();
    vi.advanceTimersByTime(10_000);
    live.printAbove('late');
    expect(writes.slice(3)).toEqual(['late\n']);
    expect((await seen()).lines).toEqual(['event', 'last', 'late']);
  });

  test('must write nothing when nothing was ever drawn', () => {
    const { end, writes } = aTerminal(80, 24);
    end();
    expect(writes).toEqual([]);
  });
});
