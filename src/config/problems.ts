import { WorkerctlError } from '../core/basics/error.ts';

/** Where a value stands in the config: `['workers', 'mail', 'identifiers', 2]`. */
export type KeyPath = readonly (string | number)[];

/** One thing that is wrong with the config, and where: at the key itself or at its value. */
export interface Problem {
  readonly path: KeyPath;
  readonly at: 'key' | 'value';
  readonly message: string;
  /** Where in the text, when that is known better than the path tells. */
  readonly offset?: number;
}

/** A problem with its place in the file; lines and columns count from 1. */
export interface PlacedProblem extends Problem {
  readonly line: number;
  readonly column: number;
}

const shownAtMost = 20;

/** A path as people write it: `workers.mail.identifiers[2]`, odd keys in quotes. */
export function formatKeyPath(path: KeyPath): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    const name = /^[\w-]+$/.test(key) ? key : shortened(JSON.stringify(key));
    return text === '' ? name : `${text}.${name}`;
  }, '');
}

/** What `value` holds at this place; undefined when that is nothing. */
export function valueAt(value: unknown, path: KeyPath): unknown {
  return path.reduce<unknown>(
    (at, key) =>
      typeof at === 'object' && at !== null
        ? (at as Record<string | number, unknown>)[key]
        : undefined,
    value,
  );
}

/** `text`, cut to a length that fits into a message. */
export const shortened = (text: string): string =>
  text.length <= 48 ? text : `${text.slice(0, 45)}...`;

/** The error that names all problems, one a line, in the order of the file. */
export function configError(file: string, problems: readonly PlacedProblem[]): WorkerctlError {
  const ordered = [...problems].sort((a, b) => a.line - b.line || a.column - b.column);
  const lines = ordered.slice(0, shownAtMost).map((problem) => formatProblem(file, problem));
  const rest = ordered.length - lines.length;
  if (rest > 0) lines.push(`and ${rest} more`);
  return new WorkerctlError('config', lines.join('\n'));
}

function formatProblem(file: string, { line, column, path, message }: PlacedProblem): string {
  const subject = path.length === 0 ? '' : `${formatKeyPath(path)}: `;
  return `${file}:${line}:${column}: ${subject}${message}`;
}
