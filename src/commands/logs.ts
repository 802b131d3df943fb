import { hostname } from 'node:os';
import { defineCommand } from '../cli/command.ts';
import { configFor, configInForce, reportStateProblem } from '../cli/config.ts';
import { flag, value, wholeNumber } from '../cli/options.ts';
import { mayBeTerminal, print } from '../cli/print.ts';
import { colours } from '../cli/colours.ts';
import { exitCodes } from '../core/basics/exit-codes.ts';
import { isGitHubWorkflow } from '../output/annotations.ts';
import { resultLine } from '../output/json/stream.ts';
import { createLogFormat } from '../output/log-line.ts';
import { followAll } from './logs/follow.ts';
import {
  createPaper,
  reportLoggers,
  reportLost,
  reportProblems,
  showLast,
  shownOf,
} from './logs/show.ts';
import { logSources, type LogSource } from './logs/sources.ts';

/** How many lines of each log are shown if --lines is not given. */
const defaultLines = 20;

export const command = defineCommand({
  summary: 'Show the last lines of the logs, each with the name of its instance.',
  operands: '[TARGET...]',
  description: `
Lines that begin with a time are put in order across logs. --json prints one object per line. On a
terminal and in a GitHub workflow control characters are shown (^[), colours excepted; a pipe or a
file gets the bytes as they are.`,
  options: {
    follow: flag('continue with new lines, through rotations and restarts, until Ctrl-C', 'f'),
    lines: value(
      'N',
      `show the last N lines of each log (default: ${defaultLines})`,
      wholeNumber,
      'n',
    ),
  },
  examples: [['workerctl logs -f mail'], ['workerctl logs -n 100 mail.1']],
  exitCodes: { done: '', failed: 'a log cannot be read', interrupted: '' },
  run: async ({ targets, global, follow, lines = defaultLines }) => {
    reportStateProblem(await configFor(global));
    const find = async (): Promise<readonly LogSource[]> =>
      logSources(await configInForce(global), hostname(), targets);
    const shown = (await find()).map(shownOf);
    const hasColours = (await colours()).level > 0;
    const look = {
      isRaw: !mayBeTerminal() && !isGitHubWorkflow(process.env),
      hasColours,
      json: global.json,
    };
    const format = createLogFormat(look, () =>
      Math.max(0, ...shown.map(({ source }) => source.label.length)),
    );
    const paper = createPaper(format);
    try {
      reportLoggers(shown);
      for (const { source } of shown) reportLost(source);
      showLast(shown, lines, !follow, paper);
      const problems = reportProblems(shown, follow);
      const shownAll = exitCodes[problems === 0 ? 'done' : 'failed'].code;
      const code = follow ? await followAll(shown, find, paper) : shownAll;
      if (global.json) print(resultLine({ command: 'logs', exitCode: code }));
      return code;
    } finally {
      for (const { log } of shown) log.close();
    }
  },
});
