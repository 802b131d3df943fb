import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { WorkerctlError } from '../../core/basics/error.ts';
import { durationOf, type Duration } from '../../core/basics/time.ts';
import { describeErrno, errnoOf } from '../files/errno.ts';

export interface MetricsServer {
  readonly host: string;
  /** Where it listens; the kernel's choice where 0 was asked for. */
  readonly port: number;
  /** Ends every connection as well. */
  readonly close: () => Promise<void>;
}

export interface MetricsRequest {
  /** An address or a name; without it, only this host gets an answer. */
  readonly host?: string;
  readonly port: number;
  /** The text to answer with. Whoever asks while it is being made gets the same. */
  readonly render: () => string | Promise<string>;
  readonly limits?: Partial<Limits>;
}

export interface Limits {
  /** How many are served at once; whoever comes then is hung up on. */
  readonly connections: number;
  /** How long the head of a request may take to arrive. */
  readonly request: Duration;
  /** How long a connection may last, whatever it does. */
  readonly connection: Duration;
}

const usualLimits: Limits = {
  connections: 16,
  request: durationOf(5_000),
  connection: durationOf(30_000),
};

const onlyPath = '/metrics';
const contentType = 'text/plain; version=0.0.4; charset=utf-8';
const maxHeaderBytes = 8 * 1024;

/**
 * Serves metrics by HTTP, one answer a connection. Nothing that a client does, and no failure of `render`, ends it.
 * @throws WorkerctlError `failed` when it cannot listen there
 */
export async function serveMetrics(request: MetricsRequest): Promise<MetricsServer> {
  const { host = '127.0.0.1', port, limits } = request;
  const server = await createServer({ ...usualLimits, ...limits });
  server.on('request', answerWith(shared(request.render)));
  try {
    await listen(server, host, port);
  } catch (error) {
    throw cannotListen(host, port, error);
  }
  // No descriptor is left for one who calls (EMFILE): that call is lost, and the next one may be answered.
  server.on('error', () => undefined);
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
  server.maxConnections = limits.connections;
  server.on('connection', (socket) => {
    const end = setTimeout(() => socket.destroy(), limits.connection);
    socket.once('close', () => {
      clearTimeout(end);
    });
  });
  return server;
}

const listen = (server: Server, host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });

const close = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeAllConnections();
  });

function answerWith(render: () => Promise<string>) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const { method = '', url = '' } = request;
    // A client that leaves takes its answer with it.
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
    // A connection that stays open is one that somebody else does not get.
    Connection: 'close',
  });
  response.end(text);
}

/** Made once for all who ask at the same time. */
function shared(render: () => string | Promise<string>): () => Promise<string> {
  let underWay: Promise<string> | undefined;
  return () =>
    (underWay ??= Promise.resolve()
      .then(render)
      .finally(() => (underWay = undefined)));
}

const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';

function cannotListen(host: string, port: number, error: unknown): WorkerctlError {
  const where = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const [found, hint] =
    errnoOf(error) === 'EADDRINUSE'
      ? ['another program that listens there', 'choose another port, or end that program']
      : [describeErrno(error), 'choose an address of this host, and a port from 1024 to 65535'];
  return new WorkerctlError('failed', `metrics: expected to listen on ${where}, found ${found}`, {
    hint,
    cause: error,
  });
}
