/** An object that a command has printed as JSON. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Finds the objects in what a command prints with `--json`: one in a line, or one over several lines. */
export interface JsonReader {
  /** The object that this line completes. */
  readonly push: (line: string) => JsonObject | undefined;
  /** The last lines that belong to no object: what a shell's startup files print, or a message. */
  readonly others: () => readonly string[];
}

const othersAtMost = 20;

/** How much of such a line is kept, in characters. */
const otherAtMost = 500;

/** What the bookkeeping of a line costs, so that many short ones are bounded, too. */
const lineCost = 32;

/**
 * The first line of an object may follow what a startup file has printed without a newline, such as the title of a window.
 * @param most of an object over several lines, in characters; a longer one is not read
 */
export function createJsonReader(most: number): JsonReader {
  const others: string[] = [];
  let open: string[] | undefined;
  let length = 0;
  const keep = (line: string): void => {
    others.push(copyOf(line.slice(0, otherAtMost)));
    if (others.length > othersAtMost) others.shift();
  };
  const take = (line: string): JsonObject | undefined => {
    const from = line.startsWith('{') ? 0 : line.indexOf('{"schema":');
    const found = from === -1 ? undefined : objectIn(line.slice(from));
    if (found === undefined && line !== '{') keep(line);
    if (found === undefined && line.endsWith('{')) {
      open = ['{'];
      length = 0;
    }
    return found;
  };
  return {
    push: (line) => {
      if (open !== undefined && line !== '}' && !line.startsWith(' ')) open = undefined; // it was none
      if (open === undefined) return take(line);
      length += line.length + lineCost;
      open.push(line);
      if (line !== '}' && length <= most) return undefined;
      const text = length > most ? '' : open.join('\n');
      open = undefined;
      return objectIn(text);
    },
    others: () => others,
  };
}

/** A part of a string keeps the whole of it in memory. */
const copyOf = (text: string): string => Array.from(text).join('');

function objectIn(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as JsonObject)
      : undefined;
  } catch {
    return undefined;
  }
}
