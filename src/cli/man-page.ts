import { exitCodeRows } from '../core/basics/exit-codes.ts';
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
import { optionName } from './options.ts';

/** Text as roff prints it: no character of it is a request, and hyphens are those that people type. */
const plain = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replace(/[^\n -~]/gu, (character) => `\\[u${hex(character)}]`)
    .replace(/^\./gm, '\\&.');

const hex = (character: string): string =>
  (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');

const bold = (text: string): string => `\\fB${plain(text)}\\fR`;

/** A word and, indented below it, what it means. */
const item = (term: string, text: string): string => `.TP\n${term}\n${plain(text)}\n`;

const section = (title: string, body: string): string => `.SH ${title}\n${body}`;

const paragraphs = (text: string): string =>
  paragraphsOf(text)
    .map((paragraph) => `.PP\n${plain(paragraph)}\n`)
    .join('');

/** Lines as they are. */
const verbatim = (lines: readonly string[]): string =>
  `.PP\n.RS 4\n.nf\n${lines.map((line) => `${plain(line)}\n`).join('')}.fi\n.RE\n`;

/** The manual page workerctl(1), in roff with the macros of man(7), from what `--help` says. It has no date. */
export async function manPage(table: CommandTable, version: string): Promise<string> {
  const all = await shownCommands(table);
  return [
    `.TH WORKERCTL 1 "" "workerctl ${version}" "User Commands"\n.nh\n.ad l\n`,
    section('NAME', 'workerctl \\- restart background workers without killing their jobs\n'),
    section(
      'SYNOPSIS',
      `${bold('workerctl')} \\fICOMMAND\\fR [\\fITARGET\\fR...] [\\fIOPTION\\fR...]\n`,
    ),
    section('DESCRIPTION', paragraphs(description)),
    section('TARGETS', paragraphs(targetText)),
    section('COMMANDS', all.map(([name, command]) => commandText(name, command)).join('')),
    section(
      'OPTIONS OF ALL COMMANDS',
      globalOptions.map(([short, long, help]) => item(label(short, long), help)).join(''),
    ),
    section('CONFIGURATION', paragraphs(`${configText}\n\n${keys}`)),
    section('EXIT STATUS', exitCodeRows.map(([code, means]) => item(bold(code), means)).join('')),
    section('ENVIRONMENT', environment.map(([name, text]) => item(bold(name), text)).join('')),
    section('FILES', files.map(([name, text]) => item(`\\fI${plain(name)}\\fR`, text)).join('')),
    section(
      'SEE ALSO',
      `${bold('crontab')}(5), ${bold('systemd.service')}(5), ${bold('flock')}(1)\n`,
    ),
  ].join('');
}

const description = `
workerctl deploys background workers: it lets each process finish its job, starts the new release in its place, and keeps
what should run running. No daemon is needed: every command reads the same files in a state directory, and the next one
goes on where another was interrupted. Each process is asked to stop once, by a signal, and is killed only if that is asked
for.`;

const keys =
  'workerctl check prints the config with all defaults. The keys, and everything else, are described in the directory docs of the sources.';

const environment = [
  ['WORKERCTL_CONFIG', 'The config, if --config does not name one.'],
  ['WORKERCTL_JSON', '1: as if --json were given.'],
  ['NO_COLOR, FORCE_COLOR', 'No colours, or colours also in a pipe.'],
] as const;

const files = [
  ['workerctl.yaml', 'The config, in the working directory or one above it.'],
  ['/etc/workerctl.yaml', 'The config of the host.'],
  ['.workerctl', 'The state directory beside the config, unless state_dir names another.'],
] as const;

function commandText(name: string, command: Command): string {
  const { summary, description: more = '', options, examples } = command;
  const rows = Object.entries(options).flatMap(([key, option]) =>
    optionRows(optionName(key), option),
  );
  const lines = examples.map(([line, about]) =>
    about === undefined ? line : `${line}   # ${about}`,
  );
  return [
    `.SS ${name}\n`,
    `${bold(usageOf(name, command))}\n`,
    paragraphs(summary),
    paragraphs(more),
    ...rows.map(([short, long, help]) => item(label(short, long), help)),
    verbatim(lines),
    paragraphs(exitCodeText(command)),
  ].join('');
}

const label = (short: string, long: string): string =>
  bold(short === '' ? long : `${short}, ${long}`);
