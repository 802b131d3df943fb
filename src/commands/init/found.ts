/** Where something was read: the path from the project, and the line, counted from 1. */
export interface Place {
  readonly file: string;
  readonly line?: number | undefined;
}

/** A sentence about a place. */
export interface Note extends Place {
  readonly words: string;
}

/** A value of the config, as YAML writes it. */
export type Value =
  string | number | boolean | readonly Value[] | { readonly [key: string]: Value };

/** Keys of a worker, as the config names them. */
export type WorkerKeys = Readonly<Record<string, Value>>;

/** A command as its source has it: a line for a shell, or words that no shell sees. */
export type FoundCommand =
  | { readonly kind: 'line'; readonly line: string }
  | { readonly kind: 'words'; readonly words: readonly string[] };

/**
 * A process that a source names, in the terms of our config: in all of its texts, specifiers are ours (`%i`), and a percent
 * sign is doubled.
 */
export interface FoundWorker {
  /** As its source calls it; it may be no name of ours. */
  readonly name: string;
  readonly at: Place;
  /** Why it was taken for a worker: `listed in Procfile`. */
  readonly why: string;
  readonly command: FoundCommand;
  /** All but the command. */
  readonly keys: WorkerKeys;
  /** Sentences for the reader of the config. */
  readonly notes: readonly string[];
}

/** What one file says. */
export interface Reading {
  readonly workers: readonly FoundWorker[];
  /** What was not carried over, and why. */
  readonly leftOut: readonly Note[];
}

/** A file that was read. */
export interface TextFile {
  /** From the project. */
  readonly path: string;
  /** The directory that it is in; absolute. */
  readonly folder: string;
  readonly text: string;
}

/** The lines of a text, whatever ends them. */
export const linesOf = (text: string): string[] => text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
