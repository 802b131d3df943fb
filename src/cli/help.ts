import { exitCodeRows } from '../core/basics/exit-codes.ts';
import { formatTable } from '../output/table.ts';
import { wrap } from '../output/wrap.ts';
import type { Command, CommandTable } from './command.ts';
import {
  configText,
  exitCodeText,
  globalOptions,
  optionRows,
  paragraphsOf,
  shownCommands,
  targetText,
  usageOf,
} from './command-texts.ts';
import { optionName, type Option } from './options.ts';

/** Help is never wider than this, however wide the terminal is. */
const maxColumns = 100;

/** The column of the options is at most this wide; a longer option has a line of its own. */
const maxLabel = 30;

/** Broken after a bar if it is too long: many words may be one operand. */
const usageLines = (usage: string, width: number): string[] =>
  usage.length <= width
    ? [usage]
    : wrap(usage.replaceAll('|', '| '), width - 2).map(
        (line, index) => `${index === 0 ? '' : '  '}${line.replaceAll('| ', '|')}`,
      );

/** `workerctl COMMAND --help`. `columns` is the width of the terminal. */
export function commandHelp(name: string, command: Command, columns = maxColumns): string {
  const width = Math.min(columns, maxColumns);
  const blocks = [
    usageLines(`Usage: ${usageOf(name, command)}`, width),
    wrap(command.summary, width),
    ...paragraphsOf(command.description ?? '').map((paragraph) => wrap(paragraph, width)),
    optionLines(command, width),
    exampleLines(command, width),
    exitCodeLines(command, width),
  ];
  return blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.map((line) => `${line}\n`).join(''))
    .join('\n');
}

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

const rowsOf = (name: string, option: Option<unknown>) =>
  optionRows(name, option).map(([short, long, help]) => [label(short, long), help] as const);

const label = (short: string, long: string): string =>
  `  ${short === '' ? '    ' : `${short}, `}${long}`;

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

const exitCodeLines = (command: Command, width: number): string[] =>
  wrap(exitCodeText(command, joint), width).map((line) => line.replaceAll(joint, ' '));

/** `workerctl --help`. */
export async function overview(table: CommandTable, columns = maxColumns): Promise<string> {
  const width = Math.min(columns, maxColumns);
  const commands = (await shownCommands(table)).map(
    ([name, { summary }]) => [name, summary] as const,
  );
  const title = `workerctl ${VERSION}: restart background workers without killing the jobs they are running`;
  return `${wrap(title, width).join('\n')}

Usage: workerctl COMMAND [TARGET...] [OPTION...]

Commands:
${wrappedRows(commands, width)}

${wrap(targetText, width).join('\n')}

Options of all commands:
${formatTable(globalOptions.map(([short, long, text]) => [label(short, long), text])).trimEnd()}

${wrap(configText, width).join('\n')}

Exit codes:
${wrappedRows(exitCodeRows, width)}
`;
}

/** Names with what they mean, which continues below itself. */
function wrappedRows(
  rows: readonly (readonly [name: string, text: string])[],
  width: number,
): string {
  const indent = Math.max(...rows.map(([name]) => name.length)) + 4;
  return rows
    .flatMap(([name, text]) =>
      wrap(`  ${name.padEnd(indent - 2)}${text}`, width, ' '.repeat(indent)),
    )
    .join('\n');
}
