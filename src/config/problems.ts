import { configError } from '../core/basics/config-error.ts';
import type { ConfigProblem, Mismatch } from '../core/basics/config-problem.ts';
import type { WorkerctlError } from '../core/basics/error.ts';

/** Where a value is in the config: `['workers', 'mail', 'identifiers', 2]`. */
export type KeyPath = readonly (string | number)[];

/** One thing that is wrong with the config, and where. */
export interface Problem extends Mismatch {
  readonly path: KeyPath;
  /** Where in the text it begins, in characters. */
  readonly offset: number;
}

/** Where a character of the text is; both count from 1. */
export interface LineAndColumn {
  readonly line: number;
  readonly column: number;
}

/** A path as people write it: `workers.mail.identifiers[2]`, odd keys in quotes. */
export function formatKeyPath(path: KeyPath): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    const name = /^[\w-]+$/.test(key) ? key : shortened(JSON.stringify(key));
    return text === '' ? name : `${text}.${name}`;
  }, '');
}

/** `text`, cut to a length that fits into a message. */
export const shortened = (text: string): string =>
  text.length <= 48 ? text : `${text.slice(0, 45)}...`;

/** The error that names all problems in the order of the file. */
export const configErrorIn = (
  file: string,
  problems: readonly Problem[],
  placeOf: (offset: number) => LineAndColumn,
): WorkerctlError =>
  configError(
    [...problems]
      .sort((a, b) => a.offset - b.offset)
      .map(({ path, offset, ...mismatch }): ConfigProblem => {
        const key = path.length === 0 ? {} : { key: formatKeyPath(path) };
        return { file, ...placeOf(offset), ...key, ...mismatch };
      }),
  );
