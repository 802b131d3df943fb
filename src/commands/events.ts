import { WorkerctlError } from '../core/basics/error.ts';
import { journalKinds, type JournalEntry } from '../core/events/journal.ts';
import { namedBy, selectInstances } from '../core/model/targets.ts';
import type { Config } from '../core/model/config.ts';
import { readJournal, type JournalFound } from '../host/journal/read.ts';
import { recordedInstances } from '../host/state/paths.ts';
import { defineCommand } from '../cli/command.ts';
import { configFor, reportStateProblem } from '../cli/config.ts';
import { refuseEndlessUntil, timeRange } from '../cli/time-range.ts';
import { interruption } from '../cli/interruption.ts';
import { among, flag, value, wholeNumber } from '../cli/options.ts';
import { hasReader, print, printError, printPainted } from '../cli/print.ts';
import { colours } from '../cli/colours.ts';
import { exitCodes } from '../core/basics/exit-codes.ts';
import type { Moment } from '../core/basics/time.ts';
import { followJournal } from '../host/journal/follow.ts';
import { journalPath, type JournalLine } from '../host/journal/parts.ts';
import { now } from '../host/process/clock.ts';
import { formatEntry, nameWidth } from '../output/journal.ts';
import { resultLine } from '../output/json/stream.ts';

/** How many events are shown if neither --lines nor --since is given. */
const defaultLimit = 50;

const kinds = (text: string): string[] => text.split(',').map((kind) => kind.trim());

export const command = defineCommand({
  summary: 'Show what has happened, from the journal: starts, deaths, kills, restarts.',
  operands: '[TARGET...]',
  description: `
A TARGET may also be an instance that is no longer in the config. --json prints the lines of the journal
as they are, one object per line.`,
  options: {
    follow: flag('continue with new events until Ctrl-C', 'f'),
    lines: value(
      'N',
      'show at most N, the latest (default: 50; with --since all)',
      wholeNumber,
      'n',
    ),
    ...timeRange,
    kind: among(
      journalKinds,
      value('KIND,...', 'show only these kinds, such as died,killed', kinds),
    ),
  },
  examples: [['workerctl events --since 2h mail', 'the last two hours of mail']],
  exitCodes: { done: '', state: 'the journal cannot be read', interrupted: '' },
  run: async ({ targets, global, follow, lines, since: from, until, kind }) => {
    refuseEndlessUntil({ follow, until });
    const config = await configFor(global);
    reportStateProblem(config);
    const limit = lines ?? (from === undefined ? defaultLimit : Infinity);
    const found = events(config, { targets, kinds: kind ?? [], since: from, until, limit });
    const show = await shower(found, global.json);
    for (const line of found.lines) show(line);
    reportGaps(config, found, limit);
    const code = follow ? await followOn(config, found, show) : exitCodes.done.code;
    if (global.json)
      print(resultLine({ command: 'events', exitCode: code, skippedLines: found.skipped }));
    return code;
  },
});

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
    printPainted(formatEntry(entry, now(), painted, width));
  };
}

/** On standard error: standard output has events only. */
function reportGaps({ stateDir }: Config, { lines, skipped }: EventsFound, limit: number): void {
  const path = journalPath(stateDir);
  if (skipped > 0) printError(`workerctl: ${path}: skipped ${skipped} lines that are not events\n`);
  if (lines.length === 0 && limit > 0) printError(`workerctl: no such events in ${path} yet\n`);
}

/** Prints new events until a signal comes or the reader has gone. */
async function followOn({ stateDir }: Config, found: EventsFound, show: Show): Promise<number> {
  if (!hasReader()) return exitCodes.done.code;
  const interrupt = interruption();
  const left = new AbortController();
  try {
    await followJournal(
      stateDir,
      found.end,
      (line) => {
        if (found.matches(line.entry)) show(line);
        if (!hasReader()) left.abort();
      },
      AbortSignal.any([interrupt.signal, left.signal]),
    );
    return interrupt.exitCode();
  } finally {
    interrupt.dispose();
  }
}

interface EventsRequest {
  /** Workers, instances or globs, also of instances that are no longer in the config; none means all. */
  readonly targets: readonly string[];
  /** None means all. */
  readonly kinds: readonly string[];
  readonly since: Moment | undefined;
  readonly until: Moment | undefined;
  /** How many at most; the latest are shown. */
  readonly limit: number;
}

/** What the journal has, and which later entries belong to it too. */
interface EventsFound extends JournalFound {
  readonly matches: (entry: JournalEntry) => boolean;
}

/**
 * Reads the events that are asked for from the journal.
 * @throws WorkerctlError `usage` for an unknown kind, or a target that is in neither the config nor the journal; `state` if
 * the journal cannot be read
 */
function events(
  config: Config,
  { targets, kinds, since, until, limit }: EventsRequest,
): EventsFound {
  for (const kind of kinds) refuseUnknown(kind);
  for (const target of targets) refuseNameless(config, target);
  const isNamed = namedBy(targets, config);
  const matches = ({ instance, kind, at }: JournalEntry): boolean =>
    isNamed(instance) &&
    (kinds.length === 0 || kinds.includes(kind)) &&
    (until === undefined || Date.parse(at) <= until);
  const found = readJournal(config.stateDir, {
    ...(since !== undefined && { since }),
    limit,
    matches,
  });
  return { ...found, matches };
}

function refuseUnknown(kind: string): void {
  if (journalKinds.some((known) => known === kind)) return;
  throw new WorkerctlError(
    'usage',
    `--kind: expected kinds of events, found ${JSON.stringify(kind)}`,
    { hint: `kinds: ${journalKinds.join(', ')}` },
  );
}

/** A target that is in neither the config, the state directory nor the journal is a typing error. */
function refuseNameless(config: Config, target: string): void {
  const { stateDir } = config;
  try {
    selectInstances(config, recordedInstances(stateDir), [target]);
  } catch (error) {
    const isNamed = namedBy([target], config);
    const { lines } = readJournal(stateDir, {
      limit: 1,
      matches: ({ instance }) => isNamed(instance),
    });
    if (lines.length === 0) throw error;
  }
}
