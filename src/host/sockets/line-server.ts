import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import {
  formatReply,
  type LineClient,
  type LineHandler,
} from '../../core/protocols/admin-protocol.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import { durationOf, type Duration } from '../../core/basics/time.ts';
import { describeErrno, errnoOf } from '../files/errno.ts';
import { isLoopback } from './loopback.ts';
import { listening, listenOnPath, serverOptions } from './unix-socket.ts';

/** What one client, or all of them, may cost. */
export interface LineServerLimits {
  /** The longest line, without its end, in bytes. */
  readonly lineBytes: number;
  /** Who lets more than this wait, in bytes, is dropped by the next line. */
  readonly waitingBytes: number;
  /** How long somebody for whom something waits may read nothing. */
  readonly stall: Duration;
  readonly clients: number;
}

const usualLimits: LineServerLimits = {
  lineBytes: 4 * 1024,
  waitingBytes: 1024 * 1024,
  stall: durationOf(120_000),
  clients: 256,
};

/** A TCP port; 0 is any that is free. */
export interface TcpListen {
  readonly host: string;
  readonly port: number;
  /** Whether the host may be one that others can reach. There is no password. */
  readonly isUnsafe?: boolean;
}

export interface LineServerOptions {
  /** Of the unix socket. */
  readonly path: string;
  readonly tcp?: TcpListen;
  readonly handle: LineHandler;
  readonly limits?: Partial<LineServerLimits>;
}

export interface LineServer {
  /** The TCP port, if there is one. */
  readonly port: number | undefined;
  /** Removes the socket and ends all clients, after the reply that is under way; within a second. */
  readonly close: () => Promise<void>;
}

/** No further request is looked at while more than this waits for its client. */
const pipelineBytes = 64 * 1024;

/** What is given to the kernel at once: progress is seen in such steps. */
const pieceBytes = 16 * 1024;

/** How long a client whose connection ends has to read our last words. */
const lingerMs = 1000;

/** How long they have when the server ends. */
const closingMs = 500;

/**
 * Listens on a unix socket for its owner alone, and on a TCP port if that is wanted. Each client's lines are answered
 * one after the other, in CRLF; no client can hold up another one, or the process.
 * @throws WorkerctlError `usage` for a host that others can reach, `locked` when somebody answers on the socket, `state`
 *   when something else is in its place, `failed` when the port cannot be had
 */
export async function createLineServer(options: LineServerOptions): Promise<LineServer> {
  const limits = { ...usualLimits, ...options.limits };
  const clients = new Map<Socket, Connection>();
  const accept = (socket: Socket): void => {
    // Those who are told that there are too many stay for a second at most, and their number is bounded too.
    if (clients.size >= 2 * limits.clients) {
      socket.destroy();
      return;
    }
    const connection = converse(socket, options.handle, limits);
    if (clients.size >= limits.clients) connection.refuse('too many clients');
    clients.set(socket, connection);
    socket.once('close', () => clients.delete(socket));
  };
  const tcp = options.tcp === undefined ? undefined : await listenOnPort(options.tcp, accept);
  const unix = await listenOnPath(options.path, accept).catch((error: unknown) => {
    tcp?.close();
    throw error;
  });

  const close = async (): Promise<void> => {
    unix.unlink();
    const ended = Promise.all([unix.server, tcp].map(closed));
    for (const connection of clients.values()) connection.leave();
    const timer = setTimeout(() => {
      for (const socket of clients.keys()) socket.destroy();
    }, closingMs);
    await ended;
    clearTimeout(timer);
  };
  let closing: Promise<void> | undefined;
  return {
    port: (tcp?.address() as AddressInfo | undefined)?.port,
    close: () => (closing ??= close()),
  };
}

const closed = (server: Server | undefined): Promise<void> =>
  new Promise((resolve) => {
    if (server === undefined) resolve();
    else
      server.close(() => {
        resolve();
      });
  });

interface Connection {
  /** Says why nothing will be answered, and ends it. */
  readonly refuse: (problem: string) => void;
  /** Ends it, after the reply that is under way. */
  readonly leave: () => void;
}

/** Answers a client's lines, one after the other, until it has sent its last one or is told to leave. */
function converse(socket: Socket, handle: LineHandler, limits: LineServerLimits): Connection {
  const output = outputOf(socket, limits);
  let state: 'idle' | 'busy' | 'leaving' = 'idle';
  let isLast = false;

  const finish = async (): Promise<void> => {
    state = 'leaving';
    await output.room(0);
    if (socket.destroyed) return;
    socket.end();
    const timer = setTimeout(() => socket.destroy(), lingerMs);
    socket.once('close', () => {
      clearTimeout(timer);
    });
  };
  const leave = (): void => {
    isLast = true;
    if (state === 'idle') void finish();
  };
  const refuse = (problem: string): void => {
    output.write(formatReply([`ERROR: ${problem}`]));
    leave();
  };
  const client: LineClient = {
    send: (line) => {
      if (state !== 'leaving') output.write([line]);
    },
    onClose: listenersOf(socket),
    end: leave,
  };
  const answerLine = async (line: string): Promise<void> => {
    state = 'busy';
    output.write(await replyTo(line, client, handle));
    await output.room(pipelineBytes);
    state = 'idle';
    if (isLast) leave();
  };
  const answerLines = async (): Promise<void> => {
    for await (const input of linesOf(socket, limits.lineBytes)) {
      // What comes after the end is read and thrown away: closed unread, it would take our last words with it.
      if (isLast) continue;
      if (input.kind === 'problem') refuse(input.problem);
      else await answerLine(input.line);
    }
  };
  // A connection that breaks is as good as one that ends.
  socket.on('error', () => undefined);
  void answerLines()
    .catch(() => undefined)
    .finally(leave);
  return { refuse, leave };
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

type Input =
  | { readonly kind: 'line'; readonly line: string }
  | { readonly kind: 'problem'; readonly problem: string };

const newline = 0x0a;

/** The lines that a client sends, with LF or CRLF. Nothing is read while one of them is being looked at. */
async function* linesOf(socket: Socket, maxBytes: number): AsyncGenerator<Input> {
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
    rest = isTooLong ? Buffer.alloc(0) : Buffer.from(rest); // a copy: the chunk is not kept for its last bytes
  }
  // Half of `!want 10 mail` may be `!want 1`: what has no end is never obeyed.
  if (rest.length > 0) yield { kind: 'problem', problem: 'incomplete line: expected a newline' };
}

interface Output {
  /** Lines that nothing comes between. Who has let too much wait is dropped. */
  readonly write: (lines: readonly string[]) => void;
  /** Resolves when at most so many bytes wait, or the client is gone. */
  readonly room: (bytes: number) => Promise<void>;
}

/**
 * What waits for a client. Lines wait as they are, not as bytes: one that waits for many clients is in memory once.
 */
function outputOf(socket: Socket, limits: LineServerLimits): Output {
  let lines: string[] = [];
  let bytes = 0;
  let isWriting = false;
  let waiters: { bytes: number; resolve: () => void }[] = [];
  let timer: NodeJS.Timeout | undefined;

  const wake = (): void => {
    const [ready, others] = [waiters.filter((one) => bytes <= one.bytes), waiters];
    waiters = others.filter((one) => bytes > one.bytes);
    for (const { resolve } of ready) resolve();
  };
  const stalled = (): void => {
    socket.destroy();
  };
  const flush = (): void => {
    clearTimeout(timer);
    if (lines.length === 0) return;
    const piece = Buffer.from(
      lines.splice(0, countWithin(lines, pieceBytes)).join('\r\n') + '\r\n',
    );
    isWriting = true;
    timer = setTimeout(stalled, limits.stall);
    socket.write(piece, () => {
      isWriting = false;
      bytes -= piece.length;
      if (!socket.destroyed) flush();
      wake();
    });
  };
  socket.once('close', () => {
    clearTimeout(timer);
    lines = [];
    bytes = 0;
    wake();
  });
  return {
    write: (more) => {
      if (socket.destroyed) return;
      if (bytes > limits.waitingBytes) {
        socket.destroy();
        return;
      }
      for (const line of more) {
        lines.push(line);
        bytes += Buffer.byteLength(line) + 2;
      }
      if (!isWriting) flush();
    },
    room: (atMost) =>
      new Promise((resolve) => {
        waiters.push({ bytes: atMost, resolve });
        wake();
      }),
  };
}

/** How many of the first lines make about so many bytes; one at least. */
function countWithin(lines: readonly string[], bytes: number): number {
  let [count, sum] = [0, 0];
  while (count < lines.length && sum < bytes) {
    sum += lines[count]?.length ?? 0;
    count += 1;
  }
  return count;
}

async function listenOnPort(
  { host, port, isUnsafe = false }: TcpListen,
  accept: (socket: Socket) => void,
): Promise<Server> {
  if (!isUnsafe && !isLoopback(host))
    throw new WorkerctlError(
      'usage',
      `host ${JSON.stringify(host)}: expected 127.0.0.1, ::1 or localhost, found one that others may reach`,
      {
        hint: 'whoever reaches the port rules the workers, without a password; use ssh -L instead',
      },
    );
  try {
    const where = { host: host === 'localhost' ? '127.0.0.1' : host, port };
    return await listening(createServer({ ...serverOptions, keepAlive: true }, accept), where);
  } catch (error) {
    const isWrong = errnoOf(error) === 'ERR_SOCKET_BAD_PORT';
    throw new WorkerctlError(
      isWrong ? 'usage' : 'failed',
      `port ${port} of ${host}: ${isWrong ? 'expected 0 to 65535' : describeErrno(error)}`,
      { cause: error },
    );
  }
}
