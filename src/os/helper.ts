import type { ChildProcess } from 'node:child_process';
import type * as Net from 'node:net';
import type { Readable } from 'node:stream';

/** Lets us end while this helper runs: when we do, its input ends, and it with that. */
export function letUsEndBefore(child: ChildProcess): void {
  child.unref();
  for (const stream of [child.stdin, child.stdout]) (stream as Net.Socket | null)?.unref();
}

/** Calls back with each line that a helper says. */
export function eachLine(stream: Readable, take: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
  });
}
