import { busyWith } from '../../src/core/model/activity.ts';
import xterm from '@xterm/headless';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Progress, ProgressView } from '../../src/core/views/phase.ts';
import { durationOf, momentOf } from '../../src/core/basics/time.ts';
import { createLiveView, formatLive, type Size } from '../../src/output/live.ts';
import { plain } from '../../src/output/plain.ts';
import { phases } from '../../src/output/progress.ts';
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
const shownOf = (view: ProgressView, { columns, rows }: Size): string[] => [
  '',
  ...formatLive(view, { columns, rows: rows - 1 }, plain),
];
const ago = (seconds: number) => momentOf(noon - seconds * 1000);

const draining = item('delayed_job.3', {
  phase: 'draining',
  pid: 5843,
  since: durationOf(130_000),
  activity: busyWith([{ what: 'job 212', since: ago(130) }]),
});

describe('a frame', () => {
  test('must show what is going on first, in aligned columns', () => {
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
      'restart [>----] 1/7  2 draining, 1 starting, 1 down, 1 failed, 1 waiting  1m 10s',
      'delayed_job.3  draining  pid 5843  2m 10s   job 212 for 2m 10s, no limit',
      'mail.4         draining  pid 78             limit in 30s',
      'mail.3         starting  pid 77    0.5s',
      'mail.2         down                         next start in 4s',
      'mail.1         failed                       exit status 3',
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

  test('must collapse what is done first, and show twenty at most', () => {
    const items = [...many(20, { phase: 'done' }), ...many(75), ...many(5, { phase: 'down' })];
    const lines = linesOf(viewOf(...items), { columns: 80, rows: 60 });
    expect(lines).toHaveLength(22);
    expect(lines[1]).toMatch(/^mail.0 +down/);
    expect(lines.at(-1)).toBe('… and 80 more: 60 waiting, 20 done');
  });

  test('must count the instances for which a low terminal has no room', () => {
    const items = [...many(3, { phase: 'done' }), ...many(9)];
    const lines = linesOf(viewOf(...items), { columns: 80, rows: 10 });
    expect(lines).toHaveLength(9);
    expect(lines.at(-1)).toBe('… and 5 more: 2 waiting, 3 done');
  });

  test('must say the essential in twenty columns', () => {
    expect(linesOf(viewOf(draining), { columns: 20, rows: 24 })).toEqual([
      'restart 0/1  1 drai…',
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
        expect(lines.length).toBeLessThanOrEqual(Math.max(0, size.rows - 1));
        for (const line of lines) expect(width(line)).toBeLessThanOrEqual(size.columns);
      }),
    );
  });
});

/** A real terminal without a window. */
function aTerminal(columns: number, rows: number) {
  const terminal = new xterm.Terminal({
    cols: columns,
    rows,
    allowProposedApi: true,
    convertEol: true,
  });
  // tmux puts what is erased from there on into the scrollback; this terminal does not.
  const kept = { erasedFromFirstCell: 0 };
  terminal.parser.registerCsiHandler({ final: 'J' }, () => {
    const { cursorX, cursorY } = terminal.buffer.active;
    if (cursorX === 0 && cursorY === 0) kept.erasedFromFirstCell++;
    return false;
  });
  const writes: string[] = [];
  const write = (text: string): void => {
    writes.push(text);
    terminal.write(text);
  };
  const size = (): Size => ({ columns: terminal.cols, rows: terminal.rows });
  const flushed = (): Promise<void> =>
    new Promise((done) => {
      terminal.write('', done);
    });
  /** Everything that it shows and has shown, with wrapped lines joined again. */
  const text = async (): Promise<string[]> => {
    await flushed();
    const lines: string[] = [];
    for (let at = 0; at < terminal.buffer.active.length; at++) {
      const line = terminal.buffer.active.getLine(at);
      const shown = line?.translateToString(true) ?? '';
      if (line?.isWrapped === true) lines.push((lines.pop() ?? '') + shown);
      else lines.push(shown);
    }
    return lines.join('\n').trimEnd().split('\n');
  };
  const resize = async (toColumns: number, toRows: number): Promise<void> => {
    await flushed();
    terminal.resize(toColumns, toRows);
  };
  return { live: createLiveView(write, size, plain), write, writes, text, resize, kept };
}

describe('a live view', () => {
  test('must not change printed text, even if the terminal scrolls', async () => {
    const { live, write, text } = aTerminal(40, 8);
    write('$ workerctl restart\n');
    const printed = Array.from({ length: 50 }, (_, index) => `event ${index}`);
    for (const [index, event] of printed.entries()) {
      live.draw(viewOf(...many((index % 12) + 1)));
      live.printAbove(`${event}\n`);
    }
    live.draw(viewOf(draining));
    const frame = shownOf(viewOf(draining), { columns: 40, rows: 8 });
    expect(await text()).toEqual(['$ workerctl restart', ...printed, ...frame]);
    live.end();
    expect(await text()).toEqual(['$ workerctl restart', ...printed]);
  });

  test('must not erase the screen from its first cell on, even if it fills the screen', async () => {
    const { live, text, kept } = aTerminal(40, 8);
    live.draw(viewOf(...many(12)));
    live.draw(viewOf(...many(12)));
    live.printAbove('event');
    live.end();
    expect(await text()).toEqual(['event']);
    expect(kept.erasedFromFirstCell).toBe(0);
  });

  test('must cope with lines that fill the whole width, and with longer events', async () => {
    const { live, text } = aTerminal(30, 10);
    const view = viewOf(item('a', { phase: 'draining', detail: 'x'.repeat(100) }));
    const event = 'a long event that takes more than one row of this terminal';
    live.draw(view);
    live.printAbove(event);
    live.draw(view);
    expect(await text()).toEqual([event, ...shownOf(view, { columns: 30, rows: 10 })]);
  });

  test.each([
    ['narrower', 33, 24],
    ['much narrower', 20, 24],
    ['wider', 120, 24],
    ['lower', 80, 12],
  ])('must remove its old frame if the terminal has become %s', async (_, columns, rows) => {
    const { live, write, text, resize, kept } = aTerminal(80, 24);
    const view = viewOf(draining, ...many(3, { phase: 'draining', pid: 5, detail: 'until noon' }));
    write('before\n');
    live.draw(view);
    await resize(columns, rows);
    live.draw(view);
    live.printAbove('event');
    const frame = shownOf(view, { columns, rows });
    expect(await text()).toEqual(['before', 'event', ...frame]);
    expect(kept.erasedFromFirstCell).toBe(0);
  });

  test('must not change printed text, even if its old frame no longer fits', async () => {
    const { live, write, text, resize, kept } = aTerminal(80, 24);
    write('before\n');
    live.draw(viewOf(draining, ...many(18)));
    await resize(12, 6);
    live.printAbove('event');
    const shown = await text();
    const frame = shownOf(viewOf(draining, ...many(18)), { columns: 12, rows: 6 });
    expect(shown[0]).toBe('before');
    // The empty line ends the rest of the old frame: tmux would join the event to it.
    expect(shown.slice(-frame.length - 2)).toEqual(['', 'event', ...frame]);
    expect(kept.erasedFromFirstCell).toBe(0);
  });

  test('must change the terminal in one write each', () => {
    const { live, writes } = aTerminal(80, 24);
    live.draw(viewOf(draining));
    live.draw(viewOf(draining));
    live.printAbove('event\n');
    live.end();
    expect(writes).toHaveLength(4);
  });

  test('must use only what every terminal has', () => {
    const { live, writes } = aTerminal(80, 24);
    live.draw(viewOf(draining));
    live.printAbove('event');
    live.end();
    const used = writes.join('').match(new RegExp(`${esc}\\[[^A-Za-z]*[A-Za-z]`, 'g')) ?? [];
    const erased = ['[2A', '[J', '[1A'];
    expect(used).toEqual(['[?25l', ...erased, ...erased, '[?25h'].map((each) => esc + each));
  });

  test('must end once, and only print from then on', async () => {
    const { live, writes, text } = aTerminal(80, 24);
    live.draw(viewOf(draining));
    live.end();
    live.end();
    live.draw(viewOf(draining));
    live.printAbove('late');
    expect(writes.slice(2)).toEqual(['late\n']);
    expect(await text()).toEqual(['late']);
  });

  test('must write nothing when nothing was ever drawn', () => {
    const { live, writes } = aTerminal(80, 24);
    live.end();
    expect(writes).toEqual([]);
  });

  test('must draw on terminals that report a size of 0', () => {
    const writes: string[] = [];
    const live = createLiveView(
      (text) => writes.push(text),
      () => ({ columns: 0, rows: 0 }),
      plain,
    );
    live.draw(viewOf(draining));
    expect(writes.join('')).toContain('job 212 for 2m 10s, no limit');
  });
});
