import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { durationOf, type Duration } from '../../core/basics/time.ts';
import { monotonicMs } from '../process/clock.ts';
import { listenOnPort, type TcpListen } from './tcp.ts';

export interface MetricsServer {
  readonly host: string;
  /** Where it listens; the kernel's choice if 0 was asked for. */
  readonly port: number;
  /** Ends every connection as well. */
  readonly close: () => Promise<void>;
}

export interface MetricsRequest extends TcpListen {
  /** The text to answer with. All requests that arrive while it is being made get the same. */
  readonly render: () => string | Promise<string>;
  readonly limits?: Partial<Limits>;
}

export interface Limits {
  /** How many are served at once; for further ones, one that is slow to ask or to read makes room, or they are closed. */
  readonly connections: number;
  /** A client that has not asked after this long makes room for another one. */
  readonly unheard: Duration;
  /** How long the head of a request may take to arrive. */
  readonly request: Duration;
  /** How long a connection may last, whatever it does. */
  readonly connection: Duration;
}

const usualLimits: Limits = {
  connections: 16,
  unheard: durationOf(1_000),
  request: durationOf(5_000),
  connection: durationOf(30_000),
};

const onlyPath = '/metrics';
const contentType = 'text/plain; version=0.0.4; charset=utf-8';
const maxHeaderBytes = 8 * 1024;

/**
 * Serves metrics over HTTP, one answer per connection. Nothing that a client does, and no failure of `render`, ends it.
 * @throws WorkerctlError `usage` for an address that other hosts can reach, `failed` if it cannot listen there
 */
export async function serveMetrics(request: MetricsRequest): Promise<MetricsServer> {
  const { host, port, limits } = request;
  const server = await createServer({ ...usualLimits, ...limits });
  server.on('request', answerWith(shared(request.render)));
  await listenOnPort(server, '--metrics-listen', request);
  const address = server.address();
  return {
    host,
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: () => close(server),
  };
}

async function createServer(limits: Limits): Promise<Server> {
  const http = await import('node:http');
  const server = http.createServer({
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: limits.request,
    requestTimeout: limits.request,
    connectionsCheckingInterval: Math.min(1_000, limits.request),
  });
  /** When each connection began, or asked, on the monotonic clock. */
  const begun = new Map<Socket, { readonly atMs: number; readonly hasAsked: boolean }>();
  server.on('connection', (socket) => {
    if (begun.size >= limits.connections) slowestOf(begun, socket, limits).destroy();
    if (socket.destroyed) return;
    begun.set(socket, { atMs: monotonicMs(), hasAsked: false });
    const end = setTimeout(() => socket.destroy(), limits.connection);
    socket.once('close', () => {
      clearTimeout(end);
      begun.delete(socket);
    });
  });
  server.on('request', ({ socket }: IncomingMessage) => {
    begun.set(socket, { atMs: monotonicMs(), hasAsked: true });
  });
  return server;
}

/** The first that has not asked or read its answer in time, else the new one. */
function slowestOf(
  begun: ReadonlyMap<Socket, { readonly atMs: number; readonly hasAsked: boolean }>,
  newOne: Socket,
  { request, unheard }: Limits,
): Socket {
  const isSlow = ([, { atMs, hasAsked }]: [Socket, { atMs: number; hasAsked: boolean }]): boolean =>
    monotonicMs() - atMs > (hasAsked ? request : unheard);
  return [...begun].find(isSlow)?.[0] ?? newOne;
}

async function close(server: Server): Promise<void> {
  const closed = once(server.close(), 'close');
  server.closeAllConnections();
  await closed;
}

function answerWith(render: () => Promise<string>) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const { method = '', url = '' } = request;
    // A client that disconnects gets no answer.
    response.on('error', () => undefined);
    if (url.split('?', 1)[0] !== onlyPath) {
      answer(response, 404, `expected ${onlyPath}\n`);
    } else if (method !== 'GET' && method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      answer(response, 405, 'expected GET or HEAD\n');
    } else {
      render().then(
        (text) => {
          answer(response, 200, text, contentType);
        },
        (error: unknown) => {
          answer(response, 500, `no metrics: ${firstLine(error)}\n`);
        },
      );
    }
  };
}

function answer(
  response: ServerResponse,
  status: number,
  text: string,
  type = 'text/plain; charset=utf-8',
): void {
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(text),
    // A connection that stays open is one fewer for other clients.
    Connection: 'close',
  });
  response.end(text);
}

/** Made once for all requests that arrive meanwhile. */
function shared(render: () => string | Promise<string>): () => Promise<string> {
  let underWay: Promise<string> | undefined;
  return () =>
    (underWay ??= Promise.resolve()
      .then(render)
      .finally(() => (underWay = undefined)));
}

const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
