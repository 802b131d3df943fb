import type { Duration } from '../../core/basics/time.ts';
import type { Config, Worker } from '../../core/model/config.ts';

/** What an export needs to know beside the config. */
export interface ExportFacts {
  /** The image that containers run. */
  readonly image: string;
  /** How long a worker without `stop.timeout` may drain: other systems need a limit. */
  readonly longestJob: Duration;
}

/** One file of an export. */
export interface ExportedFile {
  /** Relative to the directory of the export. */
  readonly path: string;
  /** Begins with `header` of its format. */
  readonly text: string;
}

/** Something in the config that the other system has no place for, or that it does in another way. */
export interface LeftOut {
  readonly worker: string;
  /** The key in the config; several are joined by commas. */
  readonly key: string;
  /** What happens there instead, or what is to do by hand. */
  readonly instead: string;
}

export interface Exported {
  readonly files: readonly ExportedFile[];
  readonly leftOut: readonly LeftOut[];
}

/** Another system that can run the workers. */
export interface ExportFormat {
  /** Whether it runs containers, and an image must be named. */
  readonly needsImage: boolean;
  /** The beginning of each of its files, by which a file is known to be an earlier export. */
  readonly header: string;
  readonly exported: (config: Config, facts: ExportFacts) => Exported;
}

/** The first line of a file with comments. */
export const writtenBy = '# Written by workerctl export.';

/** What stands for the specifiers of a text, and how the rest of it is written. */
export interface Translation {
  readonly i: string;
  readonly p: string;
  readonly n: string;
  readonly H: string;
  /** Escapes what the other system would interpret. */
  readonly plain?: (text: string) => string;
}

/** A text with its specifiers (`%i %p %n %H %%`) in the words of another system. */
export function translated(text: string, { plain = (same) => same, ...of }: Translation): string {
  return text
    .split(/(%[ipnH%])/)
    .map((part, index) => {
      if (index % 2 === 0) return plain(part);
      const specifier = part[1] as 'i' | 'p' | 'n' | 'H' | '%';
      return specifier === '%' ? plain('%') : of[specifier];
    })
    .join('');
}

/** The same for all that has specifiers in it. */
export const translatedAll = (texts: readonly string[], of: Translation): string[] =>
  texts.map((text) => translated(text, of));

/** A rule for what is left out: the keys, when they are in use, and what is there instead. */
export type LeftOutRule = readonly [
  key: string,
  isUsed: (worker: Worker) => unknown,
  instead: string | ((worker: Worker) => string),
];

/** What these rules leave out of a worker. */
export const leftOutBy = (rules: readonly LeftOutRule[], worker: Worker): LeftOut[] =>
  rules.flatMap(([key, isUsed, instead]) =>
    isUsed(worker)
      ? [
          {
            worker: worker.name,
            key,
            instead: typeof instead === 'string' ? instead : instead(worker),
          },
        ]
      : [],
  );

/** How long a worker may drain. */
export const drainLimit = ({ stop }: Worker, { longestJob }: ExportFacts): Duration =>
  stop.timeout ?? longestJob;

/** In whole seconds; at least one. */
export const wholeSeconds = (length: Duration): number => Math.max(1, Math.ceil(length / 1000));
