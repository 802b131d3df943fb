import type { Moment } from '../basics/time.ts';
import { headOf, type LineHead } from '../protocols/line-head.ts';
import { isAtLeast, type LogLevel } from '../protocols/line-level.ts';

/** Which lines of a log are wanted. */
export interface LogQuery {
  readonly since?: Moment | undefined;
  readonly until?: Moment | undefined;
  /** This level, or one above it. */
  readonly level?: LogLevel | undefined;
  /** Whether the text of a line is wanted. */
  readonly matches?: ((text: string) => boolean) | undefined;
}

/** A line of a log with its time and level, which it has from the line before it if it continues that. */
export interface ReadLine<Line> extends LineHead {
  readonly line: Line;
  readonly text: string;
  /** Whether it begins an entry: it has a time or a level itself. */
  readonly isHead: boolean;
  /** Its own time; undefined if it has none. */
  readonly ownTime?: Moment;
}

/** Reads lines one after the other; `textOf` is what is read of one. */
export type LineReader<Line> = (line: Line) => ReadLine<Line>;

/**
 * Reads the lines of a log from some place on. A line with a time but no level begins an entry without one; a line with a
 * level but no time was written after the line before it.
 */
export function createLineReader<Line>(
  textOf: (line: Line) => string,
  now: Moment,
): LineReader<Line> {
  let before: LineHead = {};
  return (line) => {
    const text = textOf(line);
    const own = headOf(text, now);
    const isHead = own.at !== undefined || own.level !== undefined;
    if (isHead)
      before = own.at === undefined && before.at !== undefined ? { at: before.at, ...own } : own;
    return {
      ...{ line, text, isHead },
      ...before,
      ...(own.at !== undefined && { ownTime: own.at }),
    };
  };
}

/** Whether a line is wanted. One whose time or level is not known is not, if the query asks for that. */
export function isWanted(
  { at, level, text }: Omit<ReadLine<unknown>, 'line'>,
  query: LogQuery,
): boolean {
  if (query.since !== undefined && (at === undefined || at < query.since)) return false;
  if (query.until !== undefined && (at === undefined || at > query.until)) return false;
  if (query.level !== undefined && (level === undefined || !isAtLeast(level, query.level)))
    return false;
  return query.matches?.(text) ?? true;
}

/** Whether a query leaves any line out. */
export const isSelective = ({ since, until, level, matches }: LogQuery): boolean =>
  [since, until, level, matches].some((part) => part !== undefined);
