// What the help and the manual page say of commands.
import { exitCodes, type ExitCodeName } from '../core/basics/exit-codes.ts';
import type { Command, CommandTable } from './command.ts';
import type { Option } from './options.ts';

/** The commands that people use, in the order of the table. */
export async function shownCommands(
  table: CommandTable,
): Promise<readonly (readonly [name: string, command: Command])[]> {
  const all = await Promise.all(
    Object.entries(table).map(async ([name, load]) => [name, await load()] as const),
  );
  return all.filter(([, { isInternal }]) => isInternal !== true);
}

/** `workerctl logs [TARGET...] [OPTION...]`. */
export function usageOf(
  name: string,
  { operands, takesCommand }: Pick<Command, 'operands' | 'takesCommand'>,
): string {
  const ours = '[OPTION...]';
  const words = takesCommand === true ? [ours, operands] : [operands, ours];
  return ['workerctl', name, ...words].filter((word) => word !== '').join(' ');
}

/** The paragraphs of a text, each on one line. */
export const paragraphsOf = (text: string): readonly string[] =>
  text
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.replace(/\s+/g, ' ').trim())
    .filter((paragraph) => paragraph !== '');

/** An option, and its `--no-` form, as far as they are described. */
export function optionRows(
  name: string,
  { yargs, placeholder, help, noHelp }: Option<unknown>,
): readonly (readonly [short: string, long: string, help: string])[] {
  const short = typeof yargs.alias === 'string' ? `-${yargs.alias}` : '';
  const value = placeholder === undefined ? '' : ` ${placeholder}`;
  return [
    ...(help === undefined ? [] : [[short, `--${name}${value}`, help] as const]),
    ...(noHelp === undefined ? [] : [['', `--no-${name}`, noHelp] as const]),
  ];
}

/** What each exit code means for a command; `joint` stands between a code and its meaning. */
export function exitCodeText({ exitCodes: codes, afterExitCodes }: Command, joint = ' '): string {
  const list = Object.entries(codes)
    .map(([name, here]) => ({ ...exitCodes[name as ExitCodeName], here }))
    .toSorted((a, b) => a.code - b.code)
    .map(({ code, means, here }) => `${code}${joint}${here === '' ? means : here}`)
    .join(', ');
  return `Exit codes: ${list}${afterExitCodes === undefined ? '' : `. ${afterExitCodes}`}`;
}

export const globalOptions = [
  ['-c', '--config FILE', 'the config file'],
  ['', '--trust-config FILE', 'the same, also if other users can write it'],
  ['', '--json', 'print JSON, and nothing else, on standard output'],
  ['-h', '--help', 'this help; for one command: workerctl COMMAND --help'],
  ['', '--version', 'the version'],
] as const;

export const targetText =
  "A TARGET is a worker (mail), an instance (mail.1), several ('mail.{1,4}', 'mail.{1..9}', 'mail.[1-3]', '*.1') or the " +
  'workers with a tag (@slow). Without one, all are meant.';

export const configText =
  'The config is the file that --config names, else $WORKERCTL_CONFIG, else workerctl.yaml in this directory or one above ' +
  'it, else /etc/workerctl.yaml. WORKERCTL_JSON=1 is the same as --json.';
