import { durationOf, type Duration } from '../../core/basics/time.ts';
import { createJsonReader, type JsonObject } from '../../core/protocols/json-reader.ts';
import type { HostEnd } from '../../core/protocols/host-answer.ts';
import { createLineCutter, linesIn } from '../files/lines.ts';
import { problemOf, runProgram } from '../process/run-program.ts';

/** A longer line, or object, of a host is not read: 4 MiB, 16 MiB. */
const longestLine = 4 * 1024 * 1024;
const longestObject = 16 * 1024 * 1024;

/** What a reader that hears nothing for a while may still find in the pipe of a program that has ended. */
const linger = durationOf(2_000);

export interface HostRun {
  readonly command: readonly string[];
  /** After this time it is killed. */
  readonly timeout: Duration;
  readonly signal: AbortSignal;
  /** Gets each object of its output. */
  readonly hear: (object: JsonObject) => void;
  /** Is called whenever there is any output. */
  readonly stir?: () => void;
}

export interface HostRunEnd extends HostEnd {
  /** It was killed, by the timeout or the signal. */
  readonly isKilled: boolean;
}

/** Runs a program that connects to a host, to its end, and reads the JSON that it prints. Never throws. */
export async function runOnHost({
  command,
  timeout,
  signal,
  hear,
  stir,
}: HostRun): Promise<HostRunEnd> {
  const cutter = createLineCutter(longestLine);
  const reader = createJsonReader(longestObject);
  let last: JsonObject | undefined;
  const take = (line: Buffer): void => {
    const object = reader.push(line.toString('utf8').replace(/\r$/, ''));
    if (object === undefined) return;
    last = object;
    hear(object);
  };
  const { end, stderr } = await runProgram({
    command,
    directory: '/',
    environment: process.env,
    timeout,
    signal,
    linger,
    hear: (bytes) => {
      stir?.();
      for (const line of cutter.push(bytes)) take(line);
    },
  });
  for (const line of cutter.flush()) take(line);
  return {
    status: end.kind === 'exited' ? end.status : undefined,
    words: problemOf(end) ?? 'exit status 0',
    last,
    isKilled: end.kind === 'timed_out',
    messages: [
      ...reader.others(),
      ...(end.kind === 'not_started' ? [end.problem] : []),
      ...linesIn(stderr),
    ],
  };
}
