/** The last lines of one log. */
export interface LineStream<Line> {
  readonly label: string;
  readonly lines: Iterable<Line>;
  /** When the log was last written to, in milliseconds since 1970: for a log whose lines have no time. */
  readonly writtenAt: number;
}

/** How many lines of a stream are read to find the first with a time. */
const lookAhead = 50;

/**
 * The lines of several logs in the order of their times (`stampOf`, milliseconds since 1970). A line without a time stays with
 * the line before it, and a log without any is placed as a whole by when it was last written to. The order within a log is
 * kept. Only a few lines of each log are in memory.
 */
export function* mergeLines<Line>(
  streams: readonly LineStream<Line>[],
  stampOf: (line: Line) => number | undefined,
): Generator<{ readonly label: string; readonly line: Line }> {
  const cursors = streams.map((stream) => cursorOf(stream, stampOf));
  for (;;) {
    const next = cursors
      .filter(({ queue }) => queue.length > 0)
      .reduce<Cursor<Line> | undefined>(
        (first, one) => (first === undefined || one.at < first.at ? one : first),
        undefined,
      );
    const line = next?.queue.shift();
    if (next === undefined || line === undefined) return;
    yield { label: next.label, line };
    advance(next, stampOf);
  }
}

interface Cursor<Line> {
  readonly label: string;
  readonly rest: Iterator<Line>;
  readonly queue: Line[];
  /** The time of the first line of the queue. */
  at: number;
}

function cursorOf<Line>(
  { label, lines, writtenAt }: LineStream<Line>,
  stampOf: (line: Line) => number | undefined,
): Cursor<Line> {
  const rest = lines[Symbol.iterator]();
  const queue: Line[] = [];
  let at: number | undefined;
  while (at === undefined && queue.length < lookAhead) {
    const next = rest.next();
    if (next.done === true) break;
    queue.push(next.value);
    at = stampOf(next.value);
  }
  return { label, rest, queue, at: at ?? writtenAt };
}

function advance<Line>(cursor: Cursor<Line>, stampOf: (line: Line) => number | undefined): void {
  if (cursor.queue.length === 0) {
    const next = cursor.rest.next();
    if (next.done !== true) cursor.queue.push(next.value);
  }
  const [first] = cursor.queue;
  if (first !== undefined) cursor.at = stampOf(first) ?? cursor.at;
}

const stamp =
  /(\d{4})-(\d\d)-(\d\d)[T _](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?(?: ?(Z|UTC|[+-]\d\d:?\d\d))?/;

/**
 * The time at the beginning of a line, in milliseconds since 1970: `2026-01-15T12:00:00.123Z`, as Sidekiq, Celery, svlogd, the
 * loggers of Ruby and Python and many others write it. Without a zone it is local time.
 */
export function stampIn(begin: string): number | undefined {
  const match = stamp.exec(begin);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = '', zone] = match;
  const iso = `${String(year)}-${String(month)}-${String(day)}T${String(hour)}:${String(minute)}:${String(second)}`;
  const at = Date.parse(`${iso}.${fraction.padEnd(3, '0').slice(0, 3)}${isoZone(zone)}`);
  return Number.isNaN(at) ? undefined : at;
}

function isoZone(zone: string | undefined): string {
  if (zone === undefined) return '';
  if (zone === 'Z' || zone === 'UTC') return 'Z';
  return zone.includes(':') ? zone : `${zone.slice(0, 3)}:${zone.slice(3)}`;
}
