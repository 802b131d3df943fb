import { linesOf, type Note, type TextFile } from '../found.ts';

/** A key of a section, and where it is. */
export interface Entry {
  readonly key: string;
  readonly value: string;
  readonly line: number;
}

export interface SectionOf {
  readonly name: string;
  readonly line: number;
  readonly entries: readonly Entry[];
}

/** How one program writes files of `[section]` and `key = value`. */
export interface Dialect {
  /** The line without what is a comment in it. */
  readonly uncommented: (line: string) => string;
  /**
   * Whether a line continues a value.
   * @param before the line before, with its comments
   * @param first the line with the key
   */
  readonly continues: (line: string, before: string, first: string) => boolean;
  /** Joins a value and the line that continues it. */
  readonly joined: (value: string, line: string) => string;
  /** How a key is written that is not case-sensitive. */
  readonly keyOf: (key: string) => string;
}

/** The sections of a file, in order. A library would not tell the lines. */
export function readSections(
  { path, text }: TextFile,
  dialect: Dialect,
): { readonly sections: readonly SectionOf[]; readonly unread: readonly Note[] } {
  const sections: (SectionOf & { readonly entries: Entry[] })[] = [];
  const unread: Note[] = [];
  let [before, first] = ['', ''];
  linesOf(text).forEach((written, index) => {
    const line = index + 1;
    const bare = dialect.uncommented(written);
    const entries = sections.at(-1)?.entries;
    const last = entries?.at(-1);
    const continued = last !== undefined && dialect.continues(written, before, first);
    before = written;
    if (continued && bare.trim() !== '') {
      entries?.splice(-1, 1, { ...last, value: dialect.joined(last.value, bare.trim()) });
      return;
    }
    if (bare.trim() === '') return;
    first = written;
    const name = /^\[([^\]]+)\]\s*$/.exec(bare.trim())?.[1];
    const [, key, value = ''] = /^([^=:\s][^=:]*?)\s*[=:]\s*([^]*)$/.exec(bare.trim()) ?? [];
    if (name !== undefined) sections.push({ name: name.trim(), line, entries: [] });
    else if (key !== undefined && entries !== undefined)
      entries.push({ key: dialect.keyOf(key), value: value.trim(), line });
    else
      unread.push({
        file: path,
        line,
        words: 'expected [SECTION] or KEY=VALUE, found something else',
      });
  });
  return { sections, unread };
}
