import { closeSync } from 'node:fs';
import { hostname } from 'node:os';
import { colours } from '../cli/colours.ts';
import { defineCommand } from '../cli/command.ts';
import { configInForce } from '../cli/config.ts';
import { mayBeTerminal, printBytes } from '../cli/print.ts';
import { exitCodes } from '../core/basics/exit-codes.ts';
import { eachLine } from '../host/process/spawn.ts';
import { isGitHubWorkflow } from '../output/annotations.ts';
import { createLogFormat, labelText } from '../output/log-line.ts';
import { followAll } from './logs/follow.ts';
import { createPaper, shownOf } from './logs/show.ts';
import { answeringSources } from './logs/sources.ts';
import { readyFd } from './watch/relay.ts';

/**
 * `workerctl relay`. Of the process that it prints for, only the end of its standard input ends it: a signal to all processes
 * of a terminal or a service must not, because workers that drain still write.
 */
export const command = defineCommand({
  summary: 'Print what comes on standard input, and beside it new lines of all logs.',
  operands: '',
  isInternal: true,
  description: `
workerctl watch --logs runs it, so that a reader which takes nothing stops only this process.`,
  options: {},
  examples: [['workerctl relay']],
  exitCodes: { done: 'its input has ended, or its reader has gone' },
  run: async ({ global }) => {
    const ended = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => undefined);
    const find = async () => answeringSources(await configInForce(global), hostname(), []);
    const shown = (await find()).filter(({ silence }) => silence === undefined).map(shownOf);
    const look = {
      isRaw: !mayBeTerminal() && !isGitHubWorkflow(process.env),
      isBare: false,
      hasColours: (await colours()).level > 0,
      hasTimes: false,
      json: global.json,
    };
    const format = createLogFormat(look, () =>
      Math.max(0, ...shown.map(({ source }) => labelText(source).length)),
    );
    for (const { log } of shown) log.lastLines(0, false); // what was there before is not new
    eachLine(process.stdin, (line) => {
      printBytes(Buffer.from(`${line}\n`));
    });
    process.stdin.on('end', () => {
      ended.abort();
    });
    closeSync(readyFd);
    const wanted = { query: {}, count: 0, isAll: false };
    await followAll(shown, find, wanted, createPaper(format, global.json), ended.signal);
    process.stdin.destroy();
    return exitCodes.done.code;
  },
});
