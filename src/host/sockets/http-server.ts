import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duration } from '../../core/basics/time.ts';
import { monotonicMs } from '../process/clock.ts';

/** What the clients of an HTTP server may cost. */
export interface HttpLimits {
  /** How many are served at once; for further ones, one that is slow to ask or to read makes room, or they are closed. */
  readonly connections: number;
  /** A client that has not asked after this long makes room for another one. */
  readonly unheard: Duration;
  /** How long the head of a request may take to arrive. */
  readonly request: Duration;
  /** How long a connection may last, whatever it does, unless it is a stream. */
  readonly connection: Duration;
  /** How many of the connections may be streams: the others stay free for ordinary requests. None if it is left out. */
  readonly streams?: number;
}

export interface BoundedServer {
  readonly server: Server;
  /** Lets a connection last as long as its client reads; false if there are too many such streams. */
  readonly becomeStream: (socket: Socket) => boolean;
  /** Ends every connection as well. */
  readonly close: () => Promise<void>;
}

const maxHeaderBytes = 8 * 1024;

/** What is known of a connection. */
interface Activity {
  /** When it began, or asked, on the monotonic clock. */
  readonly atMs: number;
  readonly state: 'new' | 'asked' | 'stream';
}

/** A server for HTTP that does not listen yet. No number of clients, and no slow one, can lock out others. */
export async function createBoundedServer(limits: HttpLimits): Promise<BoundedServer> {
  const http = await import('node:http');
  const server = http.createServer({
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: limits.request,
    requestTimeout: limits.request,
    connectionsCheckingInterval: Math.min(1_000, limits.request),
  });
  const clients = new Map<Socket, Activity>();
  const ends = new Map<Socket, NodeJS.Timeout>();
  server.on('connection', (socket) => {
    if (clients.size >= limits.connections) slowestOf(clients, socket, limits).destroy();
    if (socket.destroyed) return;
    clients.set(socket, { atMs: monotonicMs(), state: 'new' });
    ends.set(
      socket,
      setTimeout(() => socket.destroy(), limits.connection),
    );
    socket.once('close', () => {
      clearTimeout(ends.get(socket));
      ends.delete(socket);
      clients.delete(socket);
    });
  });
  server.on('request', ({ socket }: IncomingMessage) => {
    clients.set(socket, { atMs: monotonicMs(), state: 'asked' });
  });
  return {
    server,
    becomeStream: (socket) => {
      const streams = [...clients.values()].filter(({ state }) => state === 'stream').length;
      if (streams >= (limits.streams ?? 0)) return false;
      clearTimeout(ends.get(socket));
      clients.set(socket, { atMs: monotonicMs(), state: 'stream' });
      return true;
    },
    close: () => close(server),
  };
}

/** The first that has not asked or read its answer in time, else the new one. */
function slowestOf(
  clients: ReadonlyMap<Socket, Activity>,
  newOne: Socket,
  { request, unheard }: HttpLimits,
): Socket {
  const patience = { new: unheard, asked: request, stream: Infinity };
  const isSlow = ([, { atMs, state }]: [Socket, Activity]): boolean =>
    monotonicMs() - atMs > patience[state];
  return [...clients].find(isSlow)?.[0] ?? newOne;
}

async function close(server: Server): Promise<void> {
  const closed = once(server.close(), 'close');
  server.closeAllConnections();
  await closed;
}

export const plainText = 'text/plain; charset=utf-8';

export interface HttpAnswer {
  readonly status: number;
  readonly text: string | Buffer;
  /** Plain text if it is left out. */
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Answers a request, and ends its connection: one that stays open is one fewer for other clients. */
export function answerRequest(
  response: ServerResponse,
  { status, text, type = plainText, headers = {} }: HttpAnswer,
): void {
  response.writeHead(status, {
    ...headers,
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(text),
    Connection: 'close',
  });
  response.end(text);
}

/** The same answer for all who ask while it is being made. */
export function shared<T>(make: () => T | Promise<T>): () => Promise<T> {
  let underWay: Promise<T> | undefined;
  return () =>
    (underWay ??= Promise.resolve()
      .then(make)
      .finally(() => (underWay = undefined)));
}
