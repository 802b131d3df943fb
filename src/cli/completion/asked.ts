import type { Command } from '../command.ts';
import { formOf, optionName, type Option, type OptionForm } from '../options.ts';

/** Names that the config has; `named`: workers and instances, `targets`: also tags. */
export type Names = 'targets' | 'named' | 'instances' | 'workers';

/** What fits the word at the cursor. */
export type Asked =
  | { readonly kind: 'commands' }
  | { readonly kind: Names | 'files' | 'directories' | 'signals' | 'nothing' }
  | { readonly kind: 'words'; readonly words: readonly string[] };

/** What stands before the cursor, and what fits there. */
export interface AtCursor {
  readonly asked: readonly Asked[];
  /** What the word has in front of the part that is asked for: `--state=`, `ready,`. */
  readonly before: string;
  /** The words of the same kind that stand there already. */
  readonly given: readonly string[];
  /** Whether options fit too. */
  readonly options: boolean;
}

/** The options of all commands, with what their values are. */
export const globalOptions: Readonly<Record<string, Option<unknown>>> = {
  config: { ...optionOf('the config file', 'FILE'), yargs: { alias: 'c' } },
  trustConfig: optionOf('the same, also if other users can write it', 'FILE'),
  json: optionOf('print JSON, and nothing else'),
  help: { ...optionOf('how to use it'), yargs: { alias: 'h' } },
};

function optionOf(help: string, placeholder?: string): Option<unknown> {
  const named = placeholder === undefined ? {} : { placeholder };
  return { yargs: {}, help, ...named, valueOf: () => undefined };
}

/** The options of a command and those of all. */
export const optionsOf = (
  command: Command | undefined,
): Readonly<Record<string, Option<unknown>>> => {
  const { json, ...others } = globalOptions;
  const isRefused = command?.refusesJson === true || json === undefined;
  return { ...command?.options, ...others, ...(isRefused ? {} : { json }) };
};

/**
 * What fits the last of these words, which are what stands behind a command, or behind `workerctl` if there is none yet.
 */
export function atCursor(command: Command | undefined, words: readonly string[]): AtCursor {
  const word = words.at(-1) ?? '';
  const options = Object.entries(optionsOf(command)).map(([key, option]) => ({
    option,
    form: formOf(key, option),
  }));
  const operands: string[] = [];
  let isBehind = false;
  let open: Option<unknown> | undefined;
  for (const one of words.slice(0, -1)) {
    if (open !== undefined) open = undefined;
    else if (isBehind || !/^-./.test(one)) operands.push(one);
    else if (one === '--') isBehind = true;
    else open = options.find(({ form }) => form.takesValue && waits(one, form))?.option;
  }
  if (open !== undefined) return inValue(open, '', word);
  const [, name, text] = /^--([^=]+)=([^]*)$/.exec(word) ?? [];
  const inline = options.find(({ form }) => !isBehind && form.name === name);
  if (inline !== undefined) return inValue(inline.option, `--${inline.form.name}=`, text ?? '');
  return {
    asked: command === undefined ? [{ kind: 'commands' }] : operandsAt(command, operands.length),
    before: '',
    given: operands,
    options: !isBehind && word.startsWith('-'),
  };
}

/** Whether the value of an option is still to come: `-n`, `--lines`, but not `-n5`. */
const waits = (word: string, { name, short }: OptionForm): boolean =>
  word === `--${name}` || (short !== undefined && new RegExp(`^-[a-z]*${short}$`).test(word));

function inValue(option: Option<unknown>, before: string, text: string): AtCursor {
  const { placeholder = '' } = option;
  const listed = placeholder.endsWith(',...') ? text.slice(0, text.lastIndexOf(',') + 1) : '';
  return {
    asked: [option.choices === undefined ? meantBy(placeholder) : words(option.choices)],
    before: before + listed,
    given: listed.split(',').filter(Boolean),
    options: false,
  };
}

const words = (all: readonly string[]): Asked => ({ kind: 'words', words: all });

/** What a placeholder of the help stands for: `TARGET,...`, `[WORKER[.ID]]`, `cron|systemd`. */
function meantBy(placeholder: string): Asked {
  if (placeholder.includes('WORKER[.ID]')) return { kind: 'named' };
  const name = placeholder.replace(/[[\]]/g, '').replace(/,?\.{3}$/, '');
  if (/^[a-z]+(?:\|[a-z]+)+$/.test(name)) return words(name.split('|'));
  if (name.includes('FILE')) return { kind: 'files' };
  return { kind: kinds[name] ?? 'nothing' };
}

const kinds: Readonly<Record<string, Names | 'directories' | 'signals'>> = {
  DIR: 'directories',
  TARGET: 'targets',
  WORKER: 'workers',
  'WORKER.ID': 'instances',
  SIGNAL: 'signals',
};

/** What the usage line of a command has at this place: `[COUNT] WORKER`. Behind its `--` are words of others. */
function operandsAt({ operands, takesCommand }: Command, at: number): readonly Asked[] {
  if (takesCommand === true) return [];
  const places = operands.replaceAll(' | ', '|').split(' ').filter(Boolean);
  const last = places.at(-1) ?? '';
  const place = places[at] ?? (last.includes('...') ? last : '');
  const mayBeLeftOut = /^\[.*\]$/.test(place);
  return [place, ...(mayBeLeftOut ? places.slice(at + 1, at + 2) : [])].map(meantBy);
}

/** The options that are not given yet, as they are written. */
export function optionWords(
  command: Command | undefined,
  given: readonly string[],
): readonly (readonly [word: string, help: string])[] {
  return Object.entries(optionsOf(command)).flatMap(([key, { help, noHelp, yargs }]) => {
    const name = optionName(key);
    const isGiven = given.some(
      (word) =>
        new RegExp(`^--(?:no-)?${name}(?:=|$)`).test(word) ||
        (typeof yargs.alias === 'string' && word === `-${yargs.alias}`),
    );
    if (isGiven) return [];
    return [
      ...(help === undefined ? [] : [[`--${name}`, help] as const]),
      ...(noHelp === undefined ? [] : [[`--no-${name}`, noHelp] as const]),
    ];
  });
}
