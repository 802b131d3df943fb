import { onReaderLeft } from '../../cli/on-reader-left.ts';
import { hasReader } from '../../cli/print.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import { exitCodeOfSignal, exitCodes } from '../../core/basics/exit-codes.ts';
import { followLog } from '../../host/logs/follow.ts';
import { monotonicMs, sleep } from '../../host/process/clock.ts';
import type { Paper, Shown } from './show.ts';
import type { LogSource } from './sources.ts';

/** How soon a new line is seen. */
const pollMs = 100;

/** How soon a new instance is seen. */
const refreshMs = 1_000;

/** Shows new lines until a signal comes or the reader has gone. Returns the exit code. */
export async function followAll(
  shown: Shown[],
  find: () => Promise<readonly LogSource[]>,
  paper: Paper,
): Promise<number> {
  const ended = new AbortController();
  let code: number = exitCodes.done.code;
  const end = (signal: number) => (): void => {
    code = signal === 0 ? exitCodes.done.code : exitCodeOfSignal(signal);
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

/** Adds the logs of new instances, and those that a changed config names. A log that is gone stays open: it may come back. */
async function refresh(shown: Shown[], find: () => Promise<readonly LogSource[]>): Promise<void> {
  let sources: readonly LogSource[];
  try {
    sources = await find();
  } catch (error) {
    if (error instanceof WorkerctlError) return; // the config is being written: continue with the known logs
    throw error;
  }
  const known = new Set(shown.map(({ source }) => source.path));
  for (const source of sources)
    if (!known.has(source.path)) shown.push({ source, log: followLog(source.path) });
}
