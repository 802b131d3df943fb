// A server that takes what is sent by POST, and answers as a test says.
import { createServer as createPlain, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecure } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface Inbox {
  readonly url: string;
  readonly received: readonly Received[];
  /** From now on it answers with this status, or never. */
  answer: (status: number | 'never', headers?: Readonly<Record<string, string>>) => void;
  /** From now on it answers each request with the status that this gives it. */
  judge: (statusFor: (request: Received) => number) => void;
  readonly close: () => Promise<void>;
}

/** @param tls a key and its certificate, for https */
export async function openInbox(tls?: { key: string; cert: string }): Promise<Inbox> {
  const received: Received[] = [];
  let statusFor: (request: Received) => number | 'never' = () => 200;
  let extra: Readonly<Record<string, string>> = {};
  const take = (request: IncomingMessage, response: ServerResponse): void => {
    let body = '';
    request.on('data', (bytes: Buffer) => (body += bytes.toString()));
    request.on('end', () => {
      const one = { path: request.url ?? '', headers: request.headers, body };
      received.push(one);
      const status = statusFor(one);
      if (status === 'never') return;
      response.writeHead(status, extra).end('ok');
    });
  };
  const server = tls === undefined ? createPlain(take) : createSecure(tls, take);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}/services/T0/B0/s3cr3t`,
    received,
    answer: (next, headers = {}) => {
      statusFor = () => next;
      extra = headers;
    },
    judge: (judge) => {
      statusFor = judge;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}
