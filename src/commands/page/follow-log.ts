import { logLinesOf } from '../../core/views/page-view.ts';
import { sleep } from '../../host/process/clock.ts';
import type { EventStream } from '../../host/sockets/event-stream.ts';
import { shownOf } from '../logs/show.ts';
import { mostBytes, readableLogs } from './log-lines.ts';
import type { PageHost } from './place.ts';
import { shownLines } from './view.ts';

/** How soon a new line is seen. */
const pollMs = 150;

/** Sends a client the last lines of the log of an instance, then new ones, until it leaves. */
export async function followOneLog(
  host: PageHost,
  instance: string,
  stream: EventStream,
  ended: AbortSignal,
): Promise<void> {
  const left = new AbortController();
  stream.onClose(() => {
    left.abort();
  });
  const over = AbortSignal.any([ended, left.signal]);
  const [source] = await readableLogs(await host.place(), [instance]);
  if (source === undefined) return;
  const { log } = shownOf(source);
  try {
    const last = [...log.lastLines(shownLines, false, mostBytes)];
    stream.send('log', JSON.stringify({ from: 0, lines: textOf(last) }));
    while (!over.aborted) {
      await sleep(pollMs, over);
      // Of a flood only the end: more is not read by anybody.
      const lines = lastOf(log.newLines());
      if (lines.length > 0) stream.send('log', JSON.stringify({ lines: textOf(lines) }));
    }
  } finally {
    log.close();
  }
}

const textOf = (lines: readonly Buffer[]): string[] =>
  logLinesOf(lines.map((line) => line.toString()));

function lastOf(lines: Iterable<Buffer>): Buffer[] {
  const last: Buffer[] = [];
  for (const line of lines) {
    last.push(line);
    if (last.length > shownLines) last.shift();
  }
  return last;
}
