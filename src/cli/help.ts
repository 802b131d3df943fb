import { exitCodeRows, exitCodes, type ExitCodeName } from '../core/basics/exit-codes.ts';
import { formatTable } from '../output/table.ts';
import { wrap } from '../output/wrap.ts';
import type { Command, CommandTable } from './command.ts';
import { optionName, type Option } from './options.ts';

/** Help is never wider than this, however wide the terminal is. */
const maxColumns = 100;

/** The column of the options is at most this wide; a longer option has a line of its own. */
const maxLabel = 30;

/** `workerctl COMMAND --help`. `columns` is the width of the terminal. */
export function commandHelp(name: string, command: Command, columns = maxColumns): string {
  const width = Math.min(columns, maxColumns);
  const { operands, takesCommand } = command;
  const ours = '[OPTION...]';
  const usage = takesCommand === true ? [ours, operands] : [operands, ours].filter(Boolean);
  const blocks = [
    [`Usage: ${['workerctl', name, ...usage].join(' ')}`],
    wrap(command.summary, width),
    ...paragraphs(command.description ?? '', width),
    optionLines(command, width),
    exampleLines(command, width),
    exitCodeLines(command, width),
  ];
  return blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.map((line) => `${line}\n`).join(''))
    .join('\n');
}

const paragraphs = (text: string, width: number): string[][] =>
  text
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.replace(/\s+/g, ' ').trim())
    .filter((paragraph) => paragraph !== '')
    .map((paragraph) => wrap(paragraph, width));

function optionLines({ options, refusesJson }: Command, width: number): string[] {
  const general = refusesJson === true ? '-c FILE, --help' : '-c FILE, --json, --help';
  const rows = Object.entries(options).flatMap(([key, option]) => rowsOf(optionName(key), option));
  const lengths = rows.map(([label]) => label.length).filter((length) => length <= maxLabel);
  const indent = Math.max(0, ...lengths) + 2;
  const lines = rows.flatMap(([label, help]) => {
    const [first = '', ...rest] = wrap(help, width - indent);
    const behind = rest.map((line) => ' '.repeat(indent) + line);
    return label.length > maxLabel
      ? [label, ' '.repeat(indent) + first, ...behind]
      : [label.padEnd(indent) + first, ...behind];
  });
  return lines.length === 0 ? [`Options: ${general}`] : [`Options (and ${general}):`, ...lines];
}

function rowsOf(name: string, { yargs, placeholder, help, noHelp }: Option<unknown>) {
  const short = typeof yargs.alias === 'string' ? `-${yargs.alias}, ` : '    ';
  const rows: (readonly [label: string, help: string])[] = [];
  if (help !== undefined)
    rows.push([
      `  ${short}--${name}${placeholder === undefined ? '' : ` ${placeholder}`}`,
      help,
    ] as const);
  if (noHelp !== undefined) rows.push([`      --no-${name}`, noHelp]);
  return rows;
}

function exampleLines({ examples }: Command, width: number): string[] {
  if (examples.length === 0) return [];
  const [first] = examples;
  if (first !== undefined && examples.length === 1 && first[1] === undefined)
    return [`Example: ${first[0]}`];
  const explained = examples.filter(([, text]) => text !== undefined);
  const longest = Math.max(0, ...explained.map(([each]) => each.length));
  return [
    examples.length === 1 ? 'Example:' : 'Examples:',
    ...examples.flatMap(([each, text = '']) => {
      const row = `  ${each.padEnd(longest)}  ${text}`.trimEnd();
      return row.length <= width ? [row] : [`  ${each}`, ...wrap(`      ${text}`, width, '      ')];
    }),
  ];
}

/** A space at which no line is broken, so that an exit code stays beside its meaning. */
const joint = '\0';

function exitCodeLines({ exitCodes: codes, afterExitCodes }: Command, width: number): string[] {
  const list = Object.entries(codes)
    .map(([name, means]) => ({ ...exitCodes[name as ExitCodeName], here: means }))
    .toSorted((a, b) => a.code - b.code)
    .map(({ code, means, here }) => `${code}${joint}${here === '' ? means : here}`)
    .join(', ');
  const text = `Exit codes: ${list}${afterExitCodes === undefined ? '' : `. ${afterExitCodes}`}`;
  return wrap(text, width).map((line) => line.replaceAll(joint, ' '));
}

/** `workerctl --help`. */
export async function overview(table: CommandTable, columns = maxColumns): Promise<string> {
  const width = Math.min(columns, maxColumns);
  const all = await Promise.all(
    Object.entries(table).map(async ([name, load]) => [name, await load()] as const),
  );
  const commands = all
    .filter(([, { isInternal }]) => isInternal !== true)
    .map(([name, { summary }]) => [name, summary] as const);
  const indent = Math.max(...commands.map(([name]) => name.length)) + 4;
  const lines = commands.flatMap(([name, summary]) =>
    wrap(`  ${name.padEnd(indent - 2)}${summary}`, width, ' '.repeat(indent)),
  );
  return `workerctl ${VERSION}: restart background workers without killing the jobs they are running

Usage: workerctl COMMAND [TARGET...] [OPTION...]

Commands:
${lines.join('\n')}

${wrap(targetText, width).join('\n')}

Options of all commands:
${formatTable(globalOptions).trimEnd()}

${wrap(configText, width).join('\n')}

Exit codes:
${formatTable(exitCodeRows.map(([code, means]) => [`  ${code}`, means]))}`;
}

const globalOptions = [
  ['  -c, --config FILE', 'the config file'],
  ['      --trust-config FILE', 'the same, also if other users can write it (docs/security.md)'],
  ['      --json', 'print JSON, and nothing else, on standard output'],
  ['  -h, --help', 'this help; for one command: workerctl COMMAND --help'],
  ['      --version', 'the version'],
];

const targetText =
  "A TARGET is a worker (mail), an instance (mail.1), several ('mail.{1,4}', 'mail.{1..9}', 'mail.[1-3]', '*.1') or the " +
  'workers with a tag (@slow). Without one, all are meant.';

const configText =
  'The config is the file that --config names, else $WORKERCTL_CONFIG, else workerctl.yaml in this directory or one above ' +
  'it, else /etc/workerctl.yaml. WORKERCTL_JSON=1 is the same as --json.';
