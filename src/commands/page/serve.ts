import type { IncomingMessage, ServerResponse } from 'node:http';
import { WorkerctlError } from '../../core/basics/error.ts';
import { durationOf } from '../../core/basics/time.ts';
import { formatTcpAddress, type TcpAddress } from '../../core/protocols/tcp-address.ts';
import { guardingHeaders } from '../../host/sockets/http-guard.ts';
import {
  answerRequest,
  createBoundedServer,
  type HttpAnswer,
  type HttpLimits,
} from '../../host/sockets/http-server.ts';
import { openEventStream } from '../../host/sockets/event-stream.ts';
import { readToken } from '../../host/sockets/http-token.ts';
import { isLoopback, listenOnPort } from '../../host/sockets/tcp.ts';
import { admission } from './admission.ts';
import { failure, refusal } from './api.ts';
import { compressed } from './compressed.ts';
import { createLive } from './live.ts';
import type { PageHost } from './place.ts';
import { answerTo } from './routes.ts';

export interface PageRequest {
  /** The option that asks for it, with which a message begins. */
  readonly option: string;
  readonly address: TcpAddress;
  /** The file of the token that clients must know. */
  readonly tokenFile: string | undefined;
  readonly limits?: Partial<HttpLimits>;
}

export interface PageServer {
  /** Where it is. */
  readonly url: string;
  readonly close: () => Promise<void>;
}

const usualLimits: HttpLimits = {
  connections: 256,
  streams: 192,
  unheard: durationOf(1_000),
  request: durationOf(5_000),
  connection: durationOf(30_000),
};

/**
 * Serves the page, and the JSON and the metrics beside it. No request changes anything, and no client, nor any number of them,
 * can hold up this process.
 * @throws WorkerctlError `usage` for an address that other hosts can reach without a token, or a token that others can read;
 *   `failed` if it cannot listen there
 */
export async function servePage(host: PageHost, request: PageRequest): Promise<PageServer> {
  const { option, address, tokenFile, limits } = request;
  if (tokenFile === undefined) refuseOthers(option, address);
  const bounded = await createBoundedServer({ ...usualLimits, ...limits });
  const { server } = bounded;
  const token = tokenFile === undefined ? undefined : readToken(tokenFile, address.port);
  const admit = admission({ bound: address.host, token });
  const live = createLive(host);
  const answer = async (asked: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = urlOf(asked);
    const refused = url === undefined ? badPath : admit(asked, url);
    if (url === undefined || refused !== undefined) send(response, refused ?? badPath);
    else if (url.pathname !== '/stream') send(response, await answerTo(host, live, url));
    else if (asked.method === 'HEAD') send(response, { status: 200, text: '' });
    else if (!bounded.becomeStream(asked.socket)) send(response, tooManyStreams);
    else live.join(openEventStream(response, guardingHeaders), url.searchParams.get('instance'));
  };
  server.on('request', (asked, response) => {
    response.on('error', () => undefined); // a client that disconnects gets no answer
    answer(asked, response).catch((error: unknown) => {
      if (!response.headersSent) send(response, failure(error));
      else response.destroy();
    });
  });
  await listenOnPort(server, option, { ...address, isUnsafe: true });
  // Loaded before the first request, which would wait for it.
  setImmediate(() => void import('workerctl-page').catch(() => undefined));
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : address.port;
  return {
    url: `http://${formatTcpAddress({ host: address.host, port })}/`,
    close: async () => {
      live.close();
      await bounded.close();
    },
  };
}

const badPath = refusal(400, 'expected a path');
const tooManyStreams = refusal(503, 'too many clients follow this page', 'close some of them');

function send(response: ServerResponse, answer: HttpAnswer): void {
  if (response.destroyed || response.headersSent) return;
  const { headers, ...rest } = compressed(answer, response.req);
  answerRequest(response, { ...rest, headers: { ...guardingHeaders, ...headers } });
}

/** Undefined for what is no path. */
function urlOf({ url = '' }: IncomingMessage): URL | undefined {
  return url.startsWith('/') && URL.canParse(url, base) ? new URL(url, base) : undefined;
}

const base = 'http://localhost';

/** Other hosts need a token, because there is no other password. */
function refuseOthers(option: string, { host }: TcpAddress): void {
  if (isLoopback(host)) return;
  throw new WorkerctlError(
    'usage',
    `${option}: expected an address of this host only (127.0.0.1, ::1, localhost), found ${JSON.stringify(host)}`,
    { hint: 'use ssh -L, or add --http-token FILE if other hosts may connect' },
  );
}
