import { setTimeout as pause } from 'node:timers/promises';
import { exitCodes } from '../../core/basics/exit-codes.ts';
import type { SortKey } from '../../core/views/sort-status.ts';
import { colours } from '../../cli/colours.ts';
import { openFullScreen, screenSize } from '../../cli/full-screen.ts';
import { interruption } from '../../cli/interruption.ts';
import { usageError } from '../../cli/options.ts';
import { terminalSize } from '../../cli/print.ts';
import { paced } from '../../output/screen.ts';
import { frameOf, type Frame, type Scenery } from '../../output/top/frame.ts';
import { keysIn, press, type Act, type Choice } from '../../output/top/keys.ts';
import { createDetailsReader } from './details.ts';
import { createLook, type LookRequest, type Seen } from './look.ts';

export interface TopRequest extends LookRequest {
  readonly sort: SortKey | undefined;
}

/**
 * Shows the instances until someone quits or a signal comes. Returns the exit code.
 * @throws WorkerctlError what the first look throws; `usage` without a terminal
 */
export async function showTop(request: TopRequest): Promise<number> {
  if (terminalSize() === undefined)
    throw usageError('top', 'top: expected a terminal as standard output, found none; use status');
  const look = createLook(request);
  const first = await look();
  const frames = await createFrames(first, request.sort ?? 'instance');
  const interrupt = interruption();
  const quit = new AbortController();
  const over = AbortSignal.any([interrupt.signal, quit.signal]);
  let code: number | undefined;
  const end = (with_: number): void => {
    code ??= with_;
    quit.abort();
  };
  const pace = paced(() => {
    screen.draw(frames.next());
  });
  const screen = openFullScreen((sent) => {
    if (sent === undefined) end(exitCodes.done.code);
    else
      for (const act of frames.press(sent)) {
        if (act === 'quit') end(exitCodes.done.code);
        else if (act === 'interrupt') end(exitCodes.interrupted.code);
        else if (act === 'suspend') screen.suspend();
        else if (act === 'redraw') screen.clear();
      }
    pace.ask();
  }, pace.ask);
  try {
    pace.ask();
    for (let { restMs } = first; !over.aborted; restMs = await frames.see(look)) {
      pace.ask();
      await pause(restMs, undefined, { signal: over }).catch(() => undefined);
    }
  } finally {
    pace.end();
    screen.end();
    interrupt.dispose();
  }
  return code ?? interrupt.exitCode();
}

/** What is shown: it changes with each look and with each key. */
interface Frames {
  /** Looks again; a look that fails leaves what was seen before. Returns when to look next, in milliseconds. */
  readonly see: (look: () => Promise<Seen>) => Promise<number>;
  /** What was typed takes effect; returns what only the terminal can do. */
  readonly press: (sent: string) => readonly Act[];
  readonly next: () => readonly string[];
}

async function createFrames(first: Seen, sort: SortKey): Promise<Frames> {
  const painted = await colours();
  const details = createDetailsReader();
  let seen = first;
  let problem: string | undefined;
  let choice: Choice = { sort, filter: '', isTyping: false, row: 0, isOpen: false };
  let unread = '';
  let frame: Frame | undefined;
  return {
    see: async (look) => {
      try {
        seen = await look();
        problem = undefined;
      } catch (error) {
        problem = error instanceof Error ? error.message : String(error);
      }
      return seen.restMs;
    },
    press: (sent) => {
      const { keys, rest } = keysIn(unread + sent);
      unread = rest;
      return keys.flatMap((key) => {
        const act = press(key, choice, frame?.page ?? 1);
        if (typeof act === 'object') choice = act;
        return typeof act === 'object' ? [] : [act];
      });
    },
    next: () => {
      const { status, config } = seen;
      const scenery: Scenery = { status, choice, ...(problem !== undefined && { problem }) };
      frame = frameOf(scenery, screenSize(), painted, ({ name }) =>
        details(config, name, status.at),
      );
      choice = frame.choice;
      return frame.lines;
    },
  };
}
