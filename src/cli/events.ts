import { events, type EventsFound } from '../commands/events.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import type { Moment } from '../core/basics/time.ts';
import { momentOf, parseDuration } from '../core/basics/time.ts';
import type { Config } from '../core/model/config.ts';
import { now } from '../host/process/clock.ts';
import { followJournal } from '../host/journal/follow.ts';
import type { JournalLine } from '../host/journal/read.ts';
import { journalPath } from '../host/journal/write.ts';
import { formatEntry, nameWidth } from '../output/journal.ts';
import { configFor } from './config.ts';
import { interruption } from './run-command.ts';
import type { RawOptions } from './parse.ts';
import { hasReaderLeft, print, printError } from './print.ts';
import { colours } from './screen.ts';

/** So many are shown where nobody says how many, or since when. */
const defaultLimit = 50;

/** `workerctl events`. */
export async function runEvents(options: RawOptions): Promise<number> {
  const { global, targets, follow, lines, since, kind } = options;
  const config = await configFor(global);
  const from = since === undefined ? undefined : momentIn(since);
  const found = events({
    config,
    request: { targets, kinds: kindsIn(kind), since: from, limit: limitIn(lines, from) },
  });
  const show = await shower(found, global.json);
  for (const line of found.lines) show(line);
  tellOfGaps(config, found);
  return follow === true ? followOn(config, found, show) : 0;
}

type Show = (line: JournalLine) => void;

async function shower({ lines }: EventsFound, isJson: boolean): Promise<Show> {
  if (isJson)
    return ({ line }) => {
      print(`${line}\n`);
    };
  const painted = await colours();
  let width = nameWidth(lines.map(({ entry }) => entry));
  return ({ entry }) => {
    width = Math.max(width, nameWidth([entry]));
    print(formatEntry(entry, now(), painted, width));
  };
}

/** Standard output has events alone. */
function tellOfGaps({ stateDir }: Config, { lines, skipped }: EventsFound): void {
  const path = journalPath(stateDir);
  if (skipped > 0) printError(`workerctl: ${path}: left out ${skipped} lines that are no events\n`);
  if (lines.length === 0) printError(`workerctl: no such events in ${path} yet\n`);
}

/** Prints what comes, until somebody interrupts us or nobody reads it any more. */
async function followOn({ stateDir }: Config, found: EventsFound, show: Show): Promise<number> {
  if (hasReaderLeft()) return 0;
  const interrupt = interruption();
  const left = new AbortController();
  try {
    await followJournal(
      stateDir,
      found.end,
      (line) => {
        if (found.matches(line.entry)) show(line);
        if (hasReaderLeft()) left.abort();
      },
      AbortSignal.any([interrupt.signal, left.signal]),
    );
    const signal = interrupt.received();
    return signal === undefined ? 0 : 128 + signal;
  } finally {
    interrupt.dispose();
  }
}

function limitIn(text: unknown, since: Moment | undefined): number {
  if (text === undefined) return since === undefined ? defaultLimit : Infinity;
  if (typeof text === 'string' && /^\d{1,9}$/.test(text)) return Number(text);
  throw new WorkerctlError('usage', `-n: expected a number, found ${JSON.stringify(text)}`);
}

const kindsIn = (text: unknown): string[] =>
  typeof text === 'string' ? text.split(',').map((kind) => kind.trim()) : [];

/** `1h` ago, or a local date, with or without a time: `2026-11-21`, `2026-11-21 12:30`, `2026-11-21T12:30:01Z`. */
function momentIn(text: unknown): Moment {
  const length = parseDuration(String(text));
  if (length !== undefined) return momentOf(now() - length);
  const match =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:\d\d)?)?$/.exec(
      String(text),
    );
  const [, day = '', time = '00:00', zone = ''] = match ?? [];
  const at = Date.parse(`${day}T${time}${zone}`);
  if (!Number.isNaN(at)) return momentOf(at);
  throw new WorkerctlError(
    'usage',
    `--since: expected a duration like 90s, 15m or 2h, or a time like 2026-11-21 12:30, found ${JSON.stringify(text)}`,
  );
}
