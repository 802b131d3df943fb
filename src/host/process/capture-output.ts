import type { Readable } from 'node:stream';
import { linesIn } from '../files/lines.ts';

/** The part of a program's output that is kept. */
export interface CapturedOutput {
  /** The first 256 KiB of its standard output. */
  readonly stdout: string;
  /** The first 256 KiB of its standard error. */
  readonly stderr: string;
  /** The last 20 lines of both, in the order in which they came, if they are in the last 16 KiB. */
  readonly lastLines: readonly string[];
}

export const noOutput: CapturedOutput = { stdout: '', stderr: '', lastLines: [] };

/** What is longer is cut. */
export const firstBytes = 256 * 1024;
const lastBytes = 16 * 1024;
const lastLineCount = 20;

/**
 * Reads both outputs to their end, so that the program never waits for us, and keeps a bounded part of them.
 * @returns a function that returns what has been captured so far
 */
export function captureOutput(
  stdout: Readable | null,
  stderr: Readable | null,
): () => CapturedOutput {
  let last: Buffer = Buffer.alloc(0);
  const captureFirst = (stream: Readable | null): (() => string) => {
    let first: Buffer = Buffer.alloc(0);
    stream?.on('data', (bytes: Buffer) => {
      last = Buffer.concat([last, bytes]).subarray(-lastBytes);
      if (first.length < firstBytes)
        first = Buffer.concat([first, bytes.subarray(0, firstBytes - first.length)]);
    });
    return () => first.toString('utf8');
  };
  const first = { stdout: captureFirst(stdout), stderr: captureFirst(stderr) };
  return () => ({
    stdout: first.stdout(),
    stderr: first.stderr(),
    lastLines: linesIn(last.toString('utf8')).slice(-lastLineCount),
  });
}
