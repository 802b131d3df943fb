import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { durationOf } from '../../core/basics/time.ts';
import type { LineHandler } from '../../core/protocols/admin-protocol.ts';
import { converse, type Connection, type ConnectionLimits } from './line-connection.ts';
import { listenOnPort, type TcpListen } from './tcp.ts';
import { listenOnPath, serverOptions } from './unix-socket.ts';

/** What one client, or all of them, may cost. */
export interface LineServerLimits extends ConnectionLimits {
  readonly clients: number;
}

const usualLimits: LineServerLimits = {
  lineBytes: 4 * 1024,
  waitingBytes: 1024 * 1024,
  stall: durationOf(120_000),
  clients: 256,
};

export interface LineServerOptions {
  /** Of the Unix socket. */
  readonly path: string;
  readonly tcp?: TcpListen;
  readonly handle: LineHandler;
  readonly limits?: Partial<LineServerLimits>;
}

export interface LineServer {
  /** The TCP port, if there is one. */
  readonly port: number | undefined;
  /** Removes the socket and ends all connections, after the reply that is under way; within a second. */
  readonly close: () => Promise<void>;
}

/** How long clients have to read the last reply when the server ends. */
const closingMs = 500;

/**
 * Listens on a Unix socket for its owner alone, and on a TCP port if one is given. Each client's lines are answered one after
 * the other, in CRLF; no client can hold up another one, or the process.
 * @throws WorkerctlError `usage` for a host that others can reach, `locked` if another process answers on the socket, `state`
 *   if something else is in its place, `failed` if the port cannot be had
 */
export async function createLineServer(options: LineServerOptions): Promise<LineServer> {
  const limits = { ...usualLimits, ...options.limits };
  const clients = new Map<Socket, Connection>();
  const accept = (socket: Socket): void => {
    // A client that is refused stays for a second at most, and the number of those is bounded, too.
    if (clients.size >= 2 * limits.clients) {
      socket.destroy();
      return;
    }
    const connection = converse(socket, options.handle, limits);
    if (clients.size >= limits.clients) connection.refuse('too many clients');
    clients.set(socket, connection);
    socket.once('close', () => clients.delete(socket));
  };
  const tcp = options.tcp === undefined ? undefined : await openPort(options.tcp, accept);
  const unix = await listenOnPath(options.path, accept).catch((error: unknown) => {
    tcp?.close();
    throw error;
  });

  const close = async (): Promise<void> => {
    unix.unlink();
    const servers = tcp === undefined ? [unix.server] : [unix.server, tcp];
    const ended = Promise.all(servers.map((server) => once(server.close(), 'close')));
    for (const connection of clients.values()) connection.end();
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

async function openPort(address: TcpListen, accept: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ ...serverOptions, keepAlive: true }, accept);
  await listenOnPort(server, '--listen', address);
  return server;
}
