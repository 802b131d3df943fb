/** The last lines of one log. */
export interface LineStream<Line, Label = string> {
  readonly label: Label;
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
export function* mergeLines<Line, Label = string>(
  streams: readonly LineStream<Line, Label>[],
  stampOf: (line: Line) => number | undefined,
): Generator<{ readonly label: Label; readonly line: Line }> {
  const cursors = streams.map((stream) => cursorOf(stream, stampOf));
  for (;;) {
    const next = cursors
      .filter(({ queue }) => queue.length > 0)
      .reduce<Cursor<Line, Label> | undefined>(
        (first, one) => (first === undefined || one.at < first.at ? one : first),
        undefined,
      );
    const line = next?.queue.shift();
    if (next === undefined || line === undefined) return;
    yield { label: next.label, line };
    advance(next, stampOf);
  }
}

interface Cursor<Line, Label> {
  readonly label: Label;
  readonly rest: Iterator<Line>;
  readonly queue: Line[];
  /** The time of the first line of the queue. */
  at: number;
}

function cursorOf<Line, Label>(
  { label, lines, writtenAt }: LineStream<Line, Label>,
  stampOf: (line: Line) => number | undefined,
): Cursor<Line, Label> {
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

function advance<Line>(
  cursor: Cursor<Line, unknown>,
  stampOf: (line: Line) => number | undefined,
): void {
  if (cursor.queue.length === 0) {
    const next = cursor.rest.next();
    if (next.done !== true) cursor.queue.push(next.value);
  }
  const [first] = cursor.queue;
  if (first !== undefined) cursor.at = stampOf(first) ?? cursor.at;
}
