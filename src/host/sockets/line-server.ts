import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { LineHandler } from '../../core/protocols/admin-protocol.ts';
import { createLineClients, usualLimits, type LineServerLimits } from './line-clients.ts';
import { listenOnPort, type TcpListen } from './tcp.ts';
import { listenOnPath, serverOptions } from './unix-socket.ts';

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
  /** Listens anew on the Unix socket, because its file was removed or replaced. Clients stay connected. */
  readonly relisten: () => Promise<void>;
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
  const local = createLineClients(options.handle, limits);
  const remote = createLineClients(options.handle, limits);
  const tcp = options.tcp === undefined ? undefined : await openPort(options.tcp, remote.accept);
  const listen = (): ReturnType<typeof listenOnPath> => listenOnPath(options.path, local.accept);
  let unix = await listen().catch((error: unknown) => {
    tcp?.close();
    throw error;
  });

  const close = async (): Promise<void> => {
    unix.unlink();
    const servers = tcp === undefined ? [unix.server] : [unix.server, tcp];
    const ended = Promise.all(servers.map((server) => once(server.close(), 'close')));
    for (const clients of [local, remote]) clients.end();
    const timer = setTimeout(() => {
      for (const clients of [local, remote]) clients.destroy();
    }, closingMs);
    await ended;
    clearTimeout(timer);
  };
  let closing: Promise<void> | undefined;
  return {
    port: (tcp?.address() as AddressInfo | undefined)?.port,
    relisten: async () => {
      const { server } = unix;
      unix = await listen();
      server.close();
    },
    close: () => (closing ??= close()),
  };
}

async function openPort(address: TcpListen, accept: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ ...serverOptions, keepAlive: true }, accept);
  await listenOnPort(server, '--listen', address);
  return server;
}
