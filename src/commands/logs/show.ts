import { lostLogWords, newLogWords } from '../../core/model/lost-log.ts';
import { mergeLines, stampIn } from '../../core/protocols/merge-lines.ts';
import { followLog, type FollowedLog } from '../../host/logs/follow.ts';
import { hasReader, printBytes, printError } from '../../cli/print.ts';
import type { LogSource } from './sources.ts';

/** Lines are printed in pieces of about this size: few system calls, and no line waits long. */
const pieceBytes = 64 * 1024;

/** The time of a line is in its first bytes. */
const stampBytes = 80;

export interface Shown {
  readonly source: LogSource;
  readonly log: FollowedLog;
}

export const shownOf = (source: LogSource): Shown => ({
  source,
  log: followLog(source.path, {
    ...(source.lost?.open !== undefined && { open: source.lost.open }),
    writeTo: source.writeTo,
    rights: source.rights,
  }),
});

type Show = (label: string, line: Buffer) => void;

/** Collects lines and prints them together. */
export interface Paper {
  readonly show: Show;
  readonly flush: () => void;
}

export function createPaper(format: (label: string, line: Buffer) => Buffer): Paper {
  let lines: Buffer[] = [];
  let length = 0;
  const flush = (): void => {
    if (length > 0) printBytes(Buffer.concat(lines));
    lines = [];
    length = 0;
  };
  return {
    show: (label, line) => {
      const text = format(label, line);
      lines.push(text);
      length += text.length;
      if (length >= pieceBytes) flush();
    },
    flush,
  };
}

/** Names the loggers that have the output of a worker: its log has only what the logger itself says. */
export function reportLoggers(shown: readonly Shown[]): void {
  for (const { source } of shown)
    if (source.logger !== undefined)
      printError(
        `workerctl: ${source.label} logs to: ${source.logger}; below are only the messages of that logger\n`,
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

/** Shows the last `count` lines of each log, in the order of their times. */
export function showLast(shown: readonly Shown[], count: number, all: boolean, paper: Paper): void {
  const streams = shown.map(({ source: { label }, log }) => ({
    label,
    lines: log.lastLines(count, all),
    writtenAt: log.writtenAt(),
  }));
  const stampOf = (line: Buffer): number | undefined =>
    stampIn(line.toString('latin1', 0, stampBytes));
  for (const { label, line } of mergeLines(streams, stampOf)) {
    if (!hasReader()) return;
    paper.show(label, line);
  }
  paper.flush();
}

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
