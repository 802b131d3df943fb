import type { Options as YargsOption } from 'yargs';
import { WorkerctlError } from '../core/basics/error.ts';
import { idWords, isOperationId } from '../core/model/operation.ts';
import { durationOf, parseDuration, type Duration } from '../core/basics/time.ts';
import type { ActOptions } from '../engine/command.ts';

/** One option of a command: how yargs reads it, what its help says, and what its value becomes. */
export interface Option<Value> {
  readonly yargs: YargsOption;
  /** What its value is called in the help: `DURATION`. */
  readonly placeholder?: string;
  /** What it does; undefined if only its `--no-` form is shown. */
  readonly help?: string;
  /** What its `--no-` form does; undefined if that is not shown. */
  readonly noHelp?: string;
  /** All that its value, or each part of it, can be: for completion. */
  readonly choices?: readonly string[];
  /** Its value is a path, which is meant from the caller's working directory. */
  readonly isPath?: true;
  /**
   * Its value from what yargs has read; `undefined` if it was not given.
   * @throws WorkerctlError `usage`
   */
  readonly valueOf: (raw: unknown, name: string) => Value;
}

/** Options by their names in camel case: `killAfter` is `--kill-after`. */
export type OptionTable = Readonly<Record<string, Option<unknown>>>;

export type Values<Options extends OptionTable> = {
  readonly [Name in keyof Options]: ReturnType<Options[Name]['valueOf']>;
};

/** `killAfter` as it is written on the command line: `kill-after`. */
export const optionName = (key: string): string =>
  key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** How an option is written. */
export interface OptionForm {
  /** `kill-after` */
  readonly name: string;
  /** One letter. */
  readonly short?: string | undefined;
  readonly takesValue: boolean;
  /** Whether there is `--no-NAME`. */
  readonly hasNo: boolean;
}

/** How an option is written on the command line. */
export const formOf = (
  key: string,
  { yargs, placeholder, noHelp }: Option<unknown>,
): OptionForm => ({
  name: optionName(key),
  short: typeof yargs.alias === 'string' ? yargs.alias : undefined,
  takesValue: placeholder !== undefined,
  hasNo: noHelp !== undefined || yargs.type === 'boolean',
});

/** The values of all options of a table, from what yargs has read. */
export const valuesOf = <Options extends OptionTable>(
  options: Options,
  raw: Readonly<Record<string, unknown>>,
): Values<Options> =>
  Object.fromEntries(
    Object.entries(options).map(([key, option]) => {
      const name = optionName(key);
      return [key, option.valueOf(raw[name], `--${name}`)];
    }),
  ) as Values<Options>;

/** yargs converts a value that looks like a number, unless the option is a string. */
export const textOf = (raw: unknown): string =>
  typeof raw === 'string' ? raw : JSON.stringify(raw);

/** An option that is given or not. */
export const flag = (help: string, short?: string): Option<boolean> => ({
  yargs: { type: 'boolean', ...(short !== undefined && { alias: short }) },
  help,
  valueOf: (raw) => raw === true,
});

/** An option whose absence leaves the decision to the config. Its help is that of `--NAME`, of `--no-NAME`, or both. */
export const toggle = (
  help: { help?: string; noHelp?: string },
  short?: string,
): Option<boolean | undefined> => ({
  yargs: { type: 'boolean', ...(short !== undefined && { alias: short }) },
  ...help,
  valueOf: (raw) => (typeof raw === 'boolean' ? raw : undefined),
});

/** An option with a value, which `parse` reads; undefined if it is not given. */
export const value = <Value>(
  placeholder: string,
  help: string,
  parse: (text: string, name: string) => Value,
  short?: string,
): Option<Value | undefined> => ({
  yargs: { type: 'string', ...(short !== undefined && { alias: short }) },
  placeholder,
  help,
  valueOf: (raw, name) => (raw === undefined ? undefined : parse(textOf(raw), name)),
});

/** The same option, whose values are known beforehand. */
export const among = <Value>(choices: readonly string[], option: Option<Value>): Option<Value> => ({
  ...option,
  choices,
});

/** A parser of values: `parse` returns undefined for a text that is not `what`. */
export const expecting =
  <Value>(what: string, parse: (text: string) => Value | undefined) =>
  (text: string, name: string): Value => {
    const parsed = parse(text);
    if (parsed !== undefined) return parsed;
    throw new WorkerctlError('usage', `${name}: expected ${what}, found ${JSON.stringify(text)}`);
  };

export const duration = expecting('a duration like 90s, 15m or 2h', parseDuration);

export const wholeNumber = expecting('a whole number', (found) =>
  /^\d{1,9}$/.test(found) ? Number(found) : undefined,
);

const operationId = expecting(idWords, (text) => (isOperationId(text) ? text : undefined));

/** Of commands that wait: how they become operations, which run once and apart from their caller. */
export const operationOptions = {
  op: value(
    'ID',
    'run it once under this id, in the background, and show it; if the id is known, only show it',
    operationId,
  ),
  detach: flag('run it in the background as an operation, and return at once (workerctl op)'),
};

export const dryRun = flag('show what would be done, and why; do nothing');

/** `--wait DURATION` and `--no-wait`. */
export const wait = (help: string, noHelp: string): Option<ActOptions['wait']> => ({
  yargs: {},
  placeholder: 'DURATION',
  help,
  noHelp,
  valueOf: (raw, name) => {
    if (raw === undefined) return 'forever';
    return raw === false ? 'not' : duration(textOf(raw), name);
  },
});

export const limits = {
  killAfter: value(
    'DURATION',
    'kill an instance and its session if it has not exited this long after being asked; its job is lost',
    duration,
  ),
  now: flag('the same as --kill-after 0s'),
};

/**
 * The limit that these options set.
 * @throws WorkerctlError `usage` if both are given
 */
export function killLimit({ killAfter, now }: Values<typeof limits>): { killAfter?: Duration } {
  if (now && killAfter !== undefined)
    throw new WorkerctlError('usage', 'expected --now or --kill-after, found both');
  if (now) return { killAfter: durationOf(0) };
  return killAfter === undefined ? {} : { killAfter };
}

/** The error for a command line that is wrong after its command. */
export const usageError = (command: string, message: string): WorkerctlError =>
  new WorkerctlError('usage', message, { hint: `see workerctl ${command} --help` });
