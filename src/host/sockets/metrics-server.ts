import type { IncomingMessage, ServerResponse } from 'node:http';
import { durationOf } from '../../core/basics/time.ts';
import { answerRequest, createBoundedServer, shared, type HttpLimits } from './http-server.ts';
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
  readonly limits?: Partial<HttpLimits>;
}

const usualLimits: HttpLimits = {
  connections: 16,
  unheard: durationOf(1_000),
  request: durationOf(5_000),
  connection: durationOf(30_000),
};

const onlyPath = '/metrics';
const contentType = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * Serves metrics over HTTP, one answer per connection. Nothing that a client does, and no failure of `render`, ends it.
 * @throws WorkerctlError `usage` for an address that other hosts can reach, `failed` if it cannot listen there
 */
export async function serveMetrics(request: MetricsRequest): Promise<MetricsServer> {
  const { host, port, limits } = request;
  const { server, close } = await createBoundedServer({ ...usualLimits, ...limits });
  server.on('request', answerWith(shared(request.render)));
  await listenOnPort(server, '--metrics-listen', request);
  const address = server.address();
  return {
    host,
    port: typeof address === 'object' && address !== null ? address.port : port,
    close,
  };
}

function answerWith(render: () => Promise<string>) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const { method = '', url = '' } = request;
    // A client that disconnects gets no answer.
    response.on('error', () => undefined);
    if (url.split('?', 1)[0] !== onlyPath) {
      answerRequest(response, { status: 404, text: `expected ${onlyPath}\n` });
    } else if (method !== 'GET' && method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      answerRequest(response, { status: 405, text: 'expected GET or HEAD\n' });
    } else {
      render().then(
        (text) => {
          answerRequest(response, { status: 200, text, type: contentType });
        },
        (error: unknown) => {
          answerRequest(response, { status: 500, text: `no metrics: ${firstLine(error)}\n` });
        },
      );
    }
  };
}

const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
