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

/** @param most of an object over several lines, in characters; a longer one is not read */
export function createJsonReader(most: number): JsonReader {
  const others: string[] = [];
  let open: string[] | undefined;
  let length = 0;
  const take = (line: string): JsonObject | undefined => {
    const found = line.startsWith('{') ? objectIn(line) : undefined;
    if (found !== undefined) return found;
    others.push(line);
    if (others.length > othersAtMost) others.shift();
    return undefined;
  };
  return {
    push: (line) => {
      if (line === '{') {
        open = [line];
        length = 0;
        return undefined;
      }
      if (open === undefined) return take(line);
      open.push(line);
      length += line.length;
      if (line !== '}' && length <= most) return undefined;
      const text = open.join('\n');
      open = undefined;
      return length > most ? undefined : objectIn(text);
    },
    others: () => others,
  };
}

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
