import { hostname } from 'node:os';
import { logSources, type LogSource } from '../commands/logs.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import { mergeLines, stampIn } from '../core/protocols/merge-lines.ts';
import { withCounts } from '../core/rules/scaling.ts';
import { monotonicMs, sleep } from '../host/process/clock.ts';
import { followLog, type FollowedLog } from '../host/logs/follow.ts';
import { onReaderLeft } from './reader.ts';
import { createLogFormat } from '../output/log-line.ts';
import { configFor } from './config.ts';
import { intentFor } from './run-command.ts';
import type { RawOptions } from './parse.ts';
import { hasReader, mayBeTerminal, printBytes, printError } from './print.ts';
import { colours } from './screen.ts';

/** How soon a new line is seen. */
const pollMs = 100;

/** How soon a new instance is seen. */
const refreshMs = 1_000;

/** Lines are printed in pieces of about this, so that none waits long and few need a system call of their own. */
const pieceBytes = 64 * 1024;

/** What is in the first bytes of a line tells when it was written. */
const stampBytes = 80;

/** A log that is shown. */
interface Shown {
  readonly source: LogSource;
  readonly log: FollowedLog;
}

type Show = (label: string, line: Buffer) => void;

/** `workerctl logs`: the last lines of many logs, and with `-f` those that come. */
export async function runLogs(options: RawOptions): Promise<number> {
  const { targets, global, follow } = options;
  const count = countIn(options['lines'] ?? '20');
  const find = async (): Promise<readonly LogSource[]> => {
    const file = await configFor(global);
    return logSources(withCounts(file, intentFor(file)), hostname(), targets);
  };
  const shown = (await find()).map((source) => ({ source, log: followLog(source.path) }));
  const hasColours = (await colours()).level > 0;
  const look = { isRaw: !mayBeTerminal(), hasColours, json: global.json };
  const format = createLogFormat(look, () =>
    Math.max(0, ...shown.map(({ source }) => source.label.length)),
  );
  const paper = createPaper(format);
  const isFollowing = follow === true;
  try {
    tellOfLoggers(shown);
    showLast(shown, count, !isFollowing, paper);
    const problems = tellProblems(shown, isFollowing);
    if (!isFollowing) return problems === 0 ? 0 : 1;
    return await followAll(shown, find, paper);
  } finally {
    for (const { log } of shown) log.close();
  }
}

function countIn(text: unknown): number {
  if (/^\d{1,9}$/.test(String(text))) return Number(text);
  throw new WorkerctlError(
    'usage',
    `--lines: expected a whole number, found ${JSON.stringify(text)}`,
  );
}

/** Collects lines and prints them together. */
interface Paper {
  readonly show: Show;
  readonly flush: () => void;
}

function createPaper(format: (label: string, line: Buffer) => Buffer): Paper {
  let lines: Buffer[] = [];
  let length = 0;
  const flush = (): void => {
    if (length > 0) printBytes(Buffer.concat(lines));
    lines = [];
    length = 0;
  };
  return {
    show: (label, line) => {
      const text = format(label, line);
      lines.push(text);
      length += text.length;
      if (length >= pieceBytes) flush();
    },
    flush,
  };
}

function tellOfLoggers(shown: readonly Shown[]): void {
  for (const { source } of shown)
    if (source.logger !== undefined)
      printError(
        `workerctl: the output of ${source.label} goes to: ${source.logger}; below is only what that logger says\n`,
      );
}

function showLast(shown: readonly Shown[], count: number, all: boolean, paper: Paper): void {
  const streams = shown.map(({ source: { label }, log }) => ({
    label,
    lines: log.lastLines(count, all),
    writtenAt: log.writtenAt(),
  }));
  const stampOf = (line: Buffer): number | undefined =>
    stampIn(line.toString('latin1', 0, stampBytes));
  for (const { label, line } of mergeLines(streams, stampOf)) {
    if (!hasReader()) return;
    paper.show(label, line);
  }
  paper.flush();
}

/** Says which logs are not there or cannot be read; how many cannot. */
function tellProblems(shown: readonly Shown[], isFollowing: boolean): number {
  let count = 0;
  for (const { source, log } of shown) {
    const problem = log.problem();
    const end = isFollowing ? '; it is shown as soon as there is' : '';
    if (problem !== undefined) {
      count += 1;
      printError(`workerctl: ${source.label}: log ${source.path} cannot be read: ${problem}\n`);
    } else if (!log.isThere())
      printError(`workerctl: ${source.label}: there is no log ${source.path} yet${end}\n`);
  }
  return count;
}

/** Shows what comes until somebody interrupts, or until nobody reads it any more. */
async function followAll(
  shown: Shown[],
  find: () => Promise<readonly LogSource[]>,
  paper: Paper,
): Promise<number> {
  const ended = new AbortController();
  let code = 0;
  const end = (signal: number) => (): void => {
    code = signal === 0 ? 0 : 128 + signal;
    ended.abort();
  };
  const handlers = [
    ['SIGINT', end(2)],
    ['SIGTERM', end(15)],
    ['SIGHUP', end(1)],
  ] as const;
  for (const [name, handle] of handlers) process.on(name, handle);
  const stopWatching = onReaderLeft(end(0));
  try {
    let refreshAt = monotonicMs() + refreshMs;
    while (!ended.signal.aborted && hasReader()) {
      for (const { source, log } of shown)
        for (const line of log.newLines()) paper.show(source.label, line);
      paper.flush();
      await sleep(pollMs, ended.signal);
      if (monotonicMs() < refreshAt) continue;
      await refresh(shown, find);
      refreshAt = monotonicMs() + refreshMs;
    }
    return code;
  } finally {
    stopWatching();
    for (const [name, handle] of handlers) process.off(name, handle);
  }
}

/** New instances, and logs that a config of another day has named. What is gone stays open: it may come back. */
async function refresh(shown: Shown[], find: () => Promise<readonly LogSource[]>): Promise<void> {
  let sources: readonly LogSource[];
  try {
    sources = await find();
  } catch (error) {
    if (error instanceof WorkerctlError) return; // somebody is writing the config: those that we know go on
    throw error;
  }
  const known = new Set(shown.map(({ source }) => source.path));
  for (const source of sources)
    if (!known.has(source.path)) shown.push({ source, log: followLog(source.path) });
}
