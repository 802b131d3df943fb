import { hasReader } from '../../cli/print.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import type { LostLog } from '../../core/model/lost-log.ts';
import type { LogQuery } from '../../core/rules/log-selection.ts';
import type { LogLine } from '../../host/logs/select-lines.ts';
import { monotonicMs, now, sleep } from '../../host/process/clock.ts';
import {
  isAlsoWanted,
  reportLost,
  reportSilent,
  showWanted,
  shownOf,
  wasSilent,
  type Paper,
  type Shown,
  type Wanted,
} from './show.ts';
import type { LogSource } from './sources.ts';
import { fstatSync } from 'node:fs';
import { childProcess } from '../../host/process/spawn.ts';

/** How soon a new line is seen, and a new instance; later with many logs, so that looking at them takes no core. */
const pollMs = (logs: number): number => Math.max(100, logs / 2);
const refreshMs = (logs: number): number => Math.max(1_000, logs * 5);

/** Shows new lines until `signal` aborts or the reader has gone. */
export async function followAll(
  shown: Shown[],
  find: () => Promise<readonly LogSource[]>,
  wanted: Wanted,
  paper: Paper,
  signal: AbortSignal,
): Promise<void> {
  const left = new AbortController();
  const ended = AbortSignal.any([signal, left.signal]);
  const stopWatching = onReaderLeft(() => {
    left.abort();
  });
  const showAllNew = (): void => {
    for (const one of shown) if (!wasSilent(one.source)) showNew(one, wanted.query, paper);
    paper.flush();
  };
  try {
    let refreshAt = monotonicMs() + refreshMs(shown.length);
    while (!ended.aborted && hasReader()) {
      showAllNew();
      await sleep(pollMs(shown.length), ended);
      if (monotonicMs() < refreshAt) continue;
      await refresh(shown, find, (back) => showWanted([back], wanted, paper));
      refreshAt = monotonicMs() + refreshMs(shown.length);
    }
    if (hasReader()) showAllNew();
  } finally {
    stopWatching();
  }
}

/** A line of a worker that writes no times was written just now. Times and levels are looked for only if they matter. */
function showNew({ source, log, read }: Shown, query: LogQuery, paper: Paper): void {
  const needsHead = paper.showsHeads || query.level !== undefined;
  for (const bytes of log.newLines()) {
    const line = needsHead ? read(bytes) : unread(bytes);
    const ownTime = line.at === undefined ? { ownTime: now() } : {};
    if (isAlsoWanted(line, query)) paper.show(source, { ...line, ...ownTime });
  }
}

const unread = (line: Buffer): LogLine => ({ line, text: line.toString(), isHead: false });

/** Adds the logs of new instances, and those that a changed config names. A log that is gone stays open: it may come back. */
async function refresh(
  shown: Shown[],
  find: () => Promise<readonly LogSource[]>,
  showBack: (back: Shown) => void,
): Promise<void> {
  let sources: readonly LogSource[];
  try {
    sources = await find();
  } catch (error) {
    if (error instanceof WorkerctlError) return; // the config is being written: continue with the known logs
    throw error;
  }
  const back = new Set(sources.filter(wasSilent));
  reportSilent(sources);
  for (const source of sources) {
    if (source.silence !== undefined) continue;
    reportLost(source);
    if (source.lost?.open !== undefined) addLost(shown, source, source.lost);
    else if (addNamed(shown, source, sources) && back.has(source))
      shown.slice(-1).forEach(showBack);
  }
}

/** If all that follow this path stay with files that other processes have lost, it gets one that follows the path. */
function addNamed(shown: Shown[], source: LogSource, sources: readonly LogSource[]): boolean {
  const same = shown.filter((one) => one.source.path === source.path);
  const isKept = ({ log }: Shown): boolean =>
    log.stays() || sources.some(({ lost }) => lost !== undefined && lost.file === log.file());
  if (!same.every(isKept)) return false;
  for (const { log } of same) log.stay();
  shown.push(shownOf(source));
  return true;
}

/** One that was lost while it was followed stays open. */
function addLost(shown: Shown[], source: LogSource, { file }: LostLog): void {
  const isKnown = shown.some((one) => one.log.file() === file || one.source.lost?.file === file);
  if (!isKnown) shown.push(shownOf(source));
}

/**
 * Calls back when the process that reads our standard output through a pipe is gone (`| grep -m1 ready`), even if there is
 * nothing to write. Node has no poll(2) for that; GNU tail has, and dies of SIGPIPE then. With other versions of tail the
 * next write shows it.
 */
export function onReaderLeft(left: () => void): () => void {
  if (!fstatSync(1).isFIFO()) return () => undefined;
  const words = ['-f', `--pid=${process.pid}`, '/dev/null'];
  const child = childProcess().spawn('tail', words, { stdio: ['ignore', 'inherit', 'ignore'] });
  child
    .on('error', () => undefined)
    .on('exit', (_, signal) => {
      if (signal === 'SIGPIPE') left();
    });
  child.unref();
  return () => child.kill();
}
