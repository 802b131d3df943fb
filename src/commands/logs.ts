import { hostname } from 'node:os';
import { defineCommand } from '../cli/command.ts';
import { configFor, configInForce, reportStateProblem } from '../cli/config.ts';
import { interruption } from '../cli/interruption.ts';
import { among, expecting, flag, toggle, value, wholeNumber } from '../cli/options.ts';
import { mayBeTerminal, print } from '../cli/print.ts';
import { colours } from '../cli/colours.ts';
import { refuseEndlessUntil, timeRange } from '../cli/time-range.ts';
import { regexpProblem } from '../config/schema/texts.ts';
import { mismatchText } from '../core/basics/config-problem.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import { exitCodes } from '../core/basics/exit-codes.ts';
import { levelNamed, logLevels } from '../core/protocols/line-level.ts';
import type { LogQuery } from '../core/rules/log-selection.ts';
import { compileForLongTexts } from '../host/process/compile-pattern.ts';
import { isGitHubWorkflow } from '../output/annotations.ts';
import { resultLine } from '../output/json/stream.ts';
import { createLogFormat, labelText } from '../output/log-line.ts';
import { followAll } from './logs/follow.ts';
import {
  createPaper,
  reportLoggers,
  reportLost,
  reportProblems,
  reportSilent,
  showWanted,
  shownOf,
} from './logs/show.ts';
import { answeringSources, type LogSource } from './logs/sources.ts';

/** How many lines of each log are shown if neither --lines nor --since is given. */
const defaultLines = 20;

const level = expecting(`one of ${logLevels.join(', ')}`, levelNamed);

/** Checked as the patterns of the config are: what could take forever is refused. */
function pattern(text: string, name: string): string {
  const problem = regexpProblem(text);
  if (problem === undefined) return text;
  throw new WorkerctlError('usage', `${name}: ${mismatchText(problem)}`);
}

export const command = defineCommand({
  summary: 'Show the last lines of the logs, each with the name of its instance.',
  operands: '[TARGET...]',
  description: `
Lines of several logs are in the order of their times. With a time, a level or a pattern, rotated logs are
searched too. The time and the level of a line are those that it names, in JSON or at its beginning; a line
that names neither belongs to the line before it. --json prints one object per line. On a terminal and in a
GitHub workflow control characters are shown (^[), colours excepted; a pipe or a file gets the bytes as they
are.`,
  options: {
    follow: toggle(
      {
        help: 'continue with new lines, through rotations and restarts, until Ctrl-C',
        noHelp: 'end with the last line that is there (default)',
      },
      'f',
    ),
    lines: value(
      'N',
      `show the last N lines of each log (default: ${defaultLines}; with --since all)`,
      wholeNumber,
      'n',
    ),
    ...timeRange,
    level: among(
      logLevels,
      value('LEVEL', 'show only lines of this level and above: debug, info, warn, error', level),
    ),
    grep: value(
      'PATTERN',
      'show only lines that match this regular expression (JavaScript; no lookaround)',
      pattern,
    ),
    timestamps: flag('begin each line with its time, in local time', 't'),
    raw: flag('show the bytes of the lines and nothing else, also on a terminal'),
  },
  examples: [
    ['workerctl logs -f mail'],
    ['workerctl logs --since 1h --level error', 'all errors of the last hour'],
    ["workerctl logs --since '2026-01-15 12:00' --until '2026-01-15 12:30' --grep 'job 21[0-9]'"],
  ],
  exitCodes: { done: '', failed: 'a log cannot be read, or not searched', interrupted: '' },
  run: async ({ targets, global, follow: isFollowing = false, lines, ...given }) => {
    refuseEndlessUntil({ follow: isFollowing, until: given.until });
    refuseRawWith({ '--json': global.json, '--timestamps': given.timestamps }, given.raw);
    const query = queryOf(given);
    const count = lines ?? (query.since === undefined ? defaultLines : undefined);
    reportStateProblem(await configFor(global));
    const find = async (): Promise<readonly LogSource[]> =>
      answeringSources(await configInForce(global), hostname(), targets);
    const sources = await find();
    const shown = sources.filter(({ silence }) => silence === undefined).map(shownOf);
    const hasColours = (await colours()).level > 0;
    const look = {
      isRaw: !mayBeTerminal() && !isGitHubWorkflow(process.env),
      isBare: given.raw,
      hasColours,
      hasTimes: given.timestamps,
      json: global.json,
    };
    const format = createLogFormat(look, () =>
      Math.max(0, ...shown.map(({ source }) => labelText(source).length)),
    );
    const paper = createPaper(format, global.json || given.timestamps);
    try {
      reportLoggers(shown);
      for (const { source } of shown) reportLost(source);
      const wanted = { query, count, isAll: !isFollowing };
      const unsearched = showWanted(shown, wanted, paper);
      const silent = reportSilent(sources);
      const problems = unsearched + silent + reportProblems(shown, isFollowing);
      const shownAll = exitCodes[problems === 0 ? 'done' : 'failed'].code;
      const code = isFollowing
        ? await untilInterrupted((signal) => followAll(shown, find, wanted, paper, signal))
        : shownAll;
      if (global.json) print(resultLine({ command: 'logs', exitCode: code }));
      return code;
    } finally {
      for (const { log } of shown) log.close();
    }
  },
});

/** Returns the exit code. */
async function untilInterrupted(follow: (signal: AbortSignal) => Promise<void>): Promise<number> {
  const interrupt = interruption();
  try {
    await follow(interrupt.signal);
    return interrupt.exitCode();
  } finally {
    interrupt.dispose();
  }
}

interface Given extends Pick<LogQuery, 'since' | 'until' | 'level'> {
  readonly grep: string | undefined;
}

function queryOf({ since, until, level: least, grep }: Given): LogQuery {
  const regexp = grep === undefined ? undefined : compileForLongTexts(grep);
  return { since, until, level: least, matches: regexp && ((text) => regexp.test(text)) };
}

function refuseRawWith(others: Readonly<Record<string, boolean>>, isRaw: boolean): void {
  for (const [name, isGiven] of Object.entries(others))
    if (isRaw && isGiven)
      throw new WorkerctlError('usage', `expected --raw or ${name}, found both`);
}
