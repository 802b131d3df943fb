import type { Socket } from 'node:net';
import {
  formatReply,
  type LineClient,
  type LineHandler,
} from '../../core/protocols/admin-protocol.ts';
import { describeErrno } from '../files/errno.ts';
import { monotonicMs } from '../process/clock.ts';
import { outputOf, type OutputLimits } from './line-output.ts';

/** A line of a client, or why there will be no more. */
export type Input =
  | { readonly kind: 'line'; readonly line: string }
  | { readonly kind: 'problem'; readonly problem: string };

const newline = 0x0a;

/** The lines that a client sends, ended by LF or CRLF. Nothing is read while a line is being answered. */
export async function* linesOf(socket: Socket, maxBytes: number): AsyncGenerator<Input> {
  let rest = Buffer.alloc(0);
  let isTooLong = false;
  const chunks = socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  for await (const chunk of chunks) {
    if (isTooLong) continue;
    rest = Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf(newline); end !== -1 && !isTooLong; end = rest.indexOf(newline)) {
      const line = rest.subarray(0, rest[end - 1] === 0x0d ? end - 1 : end);
      isTooLong = line.length > maxBytes;
      if (!isTooLong) yield { kind: 'line', line: line.toString() };
      rest = rest.subarray(end + 1);
    }
    isTooLong ||= rest.length > maxBytes + 1;
    if (isTooLong) yield { kind: 'problem', problem: 'line too long' };
    rest = isTooLong ? Buffer.alloc(0) : Buffer.from(rest); // a copy, so that the whole chunk can be freed
  }
  // Half of `!want 10 mail` may be `!want 1`: a line without an end is never obeyed.
  if (rest.length > 0) yield { kind: 'problem', problem: 'incomplete line: expected a newline' };
}

/** What one client may cost. */
export interface ConnectionLimits extends OutputLimits {
  /** The longest line, without its end, in bytes. */
  readonly lineBytes: number;
}

/** No further request is read while more than this waits for its client. */
const pipelineBytes = 64 * 1024;

/** How long a client whose connection ends has to read the last reply. */
const lingerMs = 1000;

export interface Connection {
  /** Says why nothing will be answered, and ends the connection. */
  readonly refuse: (problem: string) => void;
  /** Ends the connection after the reply that is under way. */
  readonly end: () => void;
  /** How many lines the client has sent, and when it has sent the last one, or connected, on the monotonic clock. */
  readonly activity: () => { readonly lines: number; readonly lastMs: number };
}

/** Answers a client's lines, one after the other, until the client has sent its last one or the connection is ended. */
export function converse(
  socket: Socket,
  handle: LineHandler,
  limits: ConnectionLimits,
): Connection {
  const output = outputOf(socket, limits);
  let state: 'idle' | 'busy' | 'ending' = 'idle';
  let isLast = false;
  let activity = { lines: 0, lastMs: monotonicMs() };

  const finish = async (): Promise<void> => {
    state = 'ending';
    await output.room(0);
    if (socket.destroyed) return;
    socket.end();
    const timer = setTimeout(() => socket.destroy(), lingerMs);
    socket.once('close', () => {
      clearTimeout(timer);
    });
  };
  const end = (): void => {
    isLast = true;
    if (state === 'idle') void finish();
  };
  const refuse = (problem: string): void => {
    output.write(formatReply([`ERROR: ${problem}`]));
    end();
  };
  const client: LineClient = {
    send: (line) => {
      if (state !== 'ending') output.write([line]);
    },
    onClose: listenersOf(socket),
    end,
  };
  const answerLine = async (line: string): Promise<void> => {
    state = 'busy';
    activity = { lines: activity.lines + 1, lastMs: monotonicMs() };
    output.write(await replyTo(line, client, handle));
    await output.room(pipelineBytes);
    state = 'idle';
    if (isLast) end();
  };
  const answerLines = async (): Promise<void> => {
    for await (const input of linesOf(socket, limits.lineBytes)) {
      // What comes after the end is read and discarded: closing with unread bytes would discard the last reply, too.
      if (isLast) continue;
      if (input.kind === 'problem') refuse(input.problem);
      else await answerLine(input.line);
    }
  };
  // A connection that breaks counts as one that ends.
  socket.on('error', () => undefined);
  void answerLines()
    .catch(() => undefined)
    .finally(end);
  return { refuse, end, activity: () => activity };
}

async function replyTo(
  line: string,
  client: LineClient,
  handle: LineHandler,
): Promise<readonly string[]> {
  try {
    return await handle(line, client);
  } catch (error) {
    return formatReply([`ERROR: this is a bug: ${describeErrno(error)}`]);
  }
}

function listenersOf(socket: Socket): LineClient['onClose'] {
  const listeners = new Set<() => void>();
  socket.once('close', () => {
    for (const listener of listeners) listener();
  });
  return (listener) => {
    if (socket.destroyed) listener();
    else listeners.add(listener);
  };
}
