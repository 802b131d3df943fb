import { lostLogWords, newLogWords } from '../../core/model/lost-log.ts';
import { mergeLines } from '../../core/protocols/merge-lines.ts';
import {
  isSelective,
  isWanted,
  type LineReader,
  type LogQuery,
} from '../../core/rules/log-selection.ts';
import { followLog, type FollowedLog } from '../../host/logs/follow.ts';
import {
  logLineReader,
  noneSeen,
  selectLines,
  type LogLine,
  type SeenLines,
} from '../../host/logs/select-lines.ts';
import { now } from '../../host/process/clock.ts';
import { labelText, type LogLabel } from '../../output/log-line.ts';
import { hasReader, printBytes, printError } from '../../cli/print.ts';
import type { LogSource } from './sources.ts';

/** Lines are printed in pieces of about this size: few system calls, and no line waits long. */
const pieceBytes = 64 * 1024;

export interface Shown {
  readonly source: LogSource;
  readonly log: FollowedLog;
  /** Reads the lines that are added to it. */
  readonly read: LineReader<Buffer>;
}

export const shownOf = (source: LogSource): Shown => ({
  source,
  log: followLog(source.path, {
    ...(source.lost?.open !== undefined && { open: source.lost.open }),
    writeTo: source.writeTo,
    rights: source.rights,
  }),
  read: logLineReader(now()),
});

type Show = (label: LogLabel, line: LogLine) => void;

/** Collects lines and prints them together. */
export interface Paper {
  readonly show: Show;
  /** Whether what it shows depends on the time or the level of a line. */
  readonly showsHeads: boolean;
  readonly flush: () => void;
}

export function createPaper(
  format: (label: LogLabel, line: LogLine) => Buffer,
  showsHeads: boolean,
): Paper {
  let lines: Buffer[] = [];
  let length = 0;
  const flush = (): void => {
    if (length > 0) printBytes(Buffer.concat(lines));
    lines = [];
    length = 0;
  };
  return {
    showsHeads,
    show: (label, line) => {
      const text = format(label, line);
      lines.push(text);
      length += text.length;
      if (length >= pieceBytes) flush();
    },
    flush,
  };
}

/** Names the loggers that have the output of a worker: its log has what the logger itself says, or writes to that file. */
export function reportLoggers(shown: readonly Shown[]): void {
  for (const { source } of shown)
    if (source.logger !== undefined)
      printError(
        `workerctl: ${source.label} logs to: ${source.logger}; below is only what is in ${source.path}\n`,
      );
}

const reported = new Set<string>();

/**
 * Says once that a log was deleted, renamed or replaced under its process, whose lines are shown all the same if they can be
 * read.
 */
export function reportLost({ label, lost }: LogSource): void {
  const key = `${label} ${lost?.file ?? ''}`;
  if (lost === undefined || reported.has(key)) return;
  reported.add(key);
  const shown = lost.open === undefined ? '' : ', which is shown here';
  printError(`workerctl: ${label}: ${lostLogWords(lost)}${shown}; ${newLogWords(label)}\n`);
}

export interface Wanted {
  readonly query: LogQuery;
  /** The last lines of each log; undefined: all that the query selects. */
  readonly count: number | undefined;
  /** Nothing is read later: also an unfinished line is shown. */
  readonly isAll: boolean;
}

/**
 * Shows the lines of each log that are wanted, in the order of their times. Returns how many logs could not be searched,
 * because their lines do not say what was asked for.
 */
export function showWanted(shown: readonly Shown[], wanted: Wanted, paper: Paper): number {
  const searched = shown.map((one) => {
    const seen = noneSeen();
    return { ...one, seen, ...linesOf(one, wanted, seen) };
  });
  const streams = searched.map(({ source: label, log, lines }) => ({
    ...{ label, lines },
    writtenAt: log.writtenAt(),
  }));
  try {
    for (const { label, line } of mergeLines(streams, ({ at }) => at)) {
      if (!hasReader()) return 0;
      paper.show(label, line);
    }
  } finally {
    paper.flush();
    for (const { close } of searched) close();
  }
  return searched.filter(({ source, seen }) => isUnsearchable(source, wanted.query, seen)).length;
}

interface Searched {
  readonly lines: Iterable<LogLine>;
  readonly close: () => void;
}

function linesOf({ log, read }: Shown, { query, count, isAll }: Wanted, seen: SeenLines): Searched {
  if (!isSelective(query))
    return { lines: readAll(log.lastLines(count ?? 0, isAll), read), close: () => undefined };
  const text = log.text(isAll);
  const isOlder = query.since !== undefined && log.writtenAt() < query.since;
  if (text === undefined || isOlder) return { lines: [], close: () => text?.close() };
  return { lines: selectLines(text, { query, count, now: now(), seen }), close: text.close };
}

function* readAll(lines: Iterable<Buffer>, read: LineReader<Buffer>): Generator<LogLine> {
  for (const line of lines) yield read(line);
}

/** Reports a log none of whose lines says when, or how much, if that was asked for. */
function isUnsearchable(source: LogSource, query: LogQuery, seen: SeenLines): boolean {
  const { since, until, level } = query;
  const isUndated = (since !== undefined || until !== undefined) && seen.dated === 0;
  const isUngraded = level !== undefined && seen.graded === 0;
  if (seen.lines === 0 || !(isUndated || isUngraded)) return false;
  const what = isUndated ? 'time' : 'level';
  printError(
    `workerctl: ${labelText(source)}: no line of log ${source.path} has a ${what} that workerctl understands, so none is shown\n`,
  );
  return true;
}

/** Whether a line that was added is wanted. */
export const isAlsoWanted = (line: LogLine, query: LogQuery): boolean =>
  isWanted(line, { ...query, since: undefined });

const silent = new Set<string>();

/** Reports logs on a file system that does not answer, each once until it answers; returns how many there are. */
export function reportSilent(sources: readonly LogSource[]): number {
  for (const { label, path, silence } of sources) {
    if (silence !== undefined && !silent.has(path))
      printError(`workerctl: ${label}: log ${silence}\n`);
    silent[silence === undefined ? 'delete' : 'add'](path);
  }
  return sources.filter(({ silence }) => silence !== undefined).length;
}

/** Whether a log was reported as silent at the last look. */
export const wasSilent = ({ path }: LogSource): boolean => silent.has(path);

/** Reports logs that do not exist or cannot be read; returns how many cannot be read. */
export function reportProblems(shown: readonly Shown[], isFollowing: boolean): number {
  let count = 0;
  for (const { source, log } of shown) {
    const problem = log.problem();
    const end = isFollowing ? '; it will be shown as soon as it exists' : '';
    if (problem !== undefined) {
      count += 1;
      printError(`workerctl: ${source.label}: log ${source.path} cannot be read: ${problem}\n`);
    } else if (!log.isThere())
      printError(`workerctl: ${source.label}: log ${source.path} does not exist yet${end}\n`);
  }
  return count;
}
