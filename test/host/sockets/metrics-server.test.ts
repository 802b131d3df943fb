import { connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { WorkerctlError } from '../../../src/core/basics/error.ts';
import { durationOf } from '../../../src/core/basics/time.ts';
import {
  serveMetrics,
  type MetricsRequest,
  type MetricsServer,
} from '../../../src/host/sockets/metrics-server.ts';
import { askHttp, type HttpAnswer, type HttpRequest } from '../../rig/http.ts';
import { until } from '../../rig/wait.ts';

const toEnd: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const end of toEnd.splice(0).reverse()) await end();
});

async function serve(more: Partial<MetricsRequest> = {}): Promise<MetricsServer> {
  const server = await serveMetrics({
    host: '127.0.0.1',
    port: 0,
    render: () => 'up 1\n',
    ...more,
  });
  toEnd.push(server.close);
  return server;
}

const ask = (
  { port }: MetricsServer,
  { path = '/metrics', ...more }: Partial<HttpRequest> = {},
): Promise<HttpAnswer> => askHttp(port, { path, ...more });

async function answerInTheEnd(server: MetricsServer): Promise<HttpAnswer> {
  const deadline = performance.now() + 15_000;
  for (;;) {
    try {
      return await ask(server);
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
  }
}

interface Client {
  readonly socket: Socket;
  readonly heard: () => string;
  readonly isClosed: () => boolean;
}

/** A client that sends what it likes, and ends only when it is disconnected. */
async function client({ port }: MetricsServer, says = ''): Promise<Client> {
  let heard = '';
  let isClosed = false;
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  toEnd.push(() => {
    socket.destroy();
  });
  socket.on('error', () => undefined);
  socket.on('data', (part) => (heard += part.toString('latin1')));
  socket.on('end', () => (isClosed = true));
  socket.on('close', () => (isClosed = true));
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.write(says);
  return { socket, heard: () => heard, isClosed: () => isClosed };
}

const brief = durationOf(300);

describe('an answer', () => {
  test('must be the metrics, rendered again each time', async () => {
    let count = 0;
    const server = await serve({ render: () => `é ${(count += 1)}\n` });
    expect(server).toMatchObject({ host: '127.0.0.1' });
    expect(await ask(server)).toMatchObject({
      status: 200,
      headers: {
        'content-type': 'text/plain; version=0.0.4; charset=utf-8',
        'content-length': '5',
        connection: 'close',
      },
      text: 'é 1\n',
    });
    expect(await ask(server, { path: '/metrics?name=up' })).toMatchObject({ text: 'é 2\n' });
  });

  test('to HEAD must have no body', async () => {
    expect(await ask(await serve(), { method: 'HEAD' })).toMatchObject({
      status: 200,
      headers: { 'content-length': '5' },
      text: '',
    });
  });

  test.each(['/', '/metrics/', '/metrics/../etc/passwd', '//metrics', '/Metrics'])(
    'for %s must be 404',
    async (path) => {
      expect(await ask(await serve(), { path })).toMatchObject({ status: 404 });
    },
  );

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'])('to %s must be 405', async (method) => {
    expect(await ask(await serve(), { method })).toMatchObject({
      status: 405,
      headers: { allow: 'GET, HEAD' },
    });
  });

  test.each<[string, () => string | Promise<string>]>([
    [
      'throws',
      () => {
        throw new Error('state directory /state: EACCES\nsecond line');
      },
    ],
    ['rejects', () => Promise.reject(new Error('state directory /state: EACCES\nsecond line'))],
  ])('must be 500 and one line if rendering %s', async (_, render) => {
    const server = await serve({ render });
    const answer = { status: 500, text: 'no metrics: state directory /state: EACCES\n' };
    expect(await ask(server)).toMatchObject(answer);
    expect(await ask(server)).toMatchObject(answer);
  });

  test('must be rendered once for simultaneous requests', async () => {
    let count = 0;
    let finish = (): void => undefined;
    const render = async (): Promise<string> => {
      count += 1;
      await new Promise<void>((resolve) => (finish = resolve));
      return `${count}\n`;
    };
    const server = await serve({ render });
    const first = await client(server, 'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n');
    const second = await client(server, 'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n');
    await until('a first call', () => count === 1);
    // Everything that was sent before this has been read before it.
    expect(await ask(server, { path: '/' })).toMatchObject({ status: 404 });
    finish();
    for (const { heard } of [first, second])
      await until('an answer', () => heard().endsWith('\r\n\r\n1\n'));
    expect(count).toBe(1);
  });
});

describe('a client', () => {
  test('that sends nothing must be disconnected', async () => {
    const server = await serve({ limits: { request: brief } });
    const silent = await client(server);
    await until('an end', silent.isClosed);
    expect(await ask(server)).toMatchObject({ status: 200 });
  });

  test('that never ends its headers must get an error', async () => {
    const server = await serve({ limits: { request: brief } });
    const slow = await client(server, 'GET /metrics HTTP/1.1\r\nHost: a\r\n');
    const drip = setInterval(() => slow.socket.write('A: b\r\n'), 50);
    toEnd.push(() => {
      clearInterval(drip);
    });
    await until('an end', slow.isClosed);
    expect(slow.heard()).toMatch(/^HTTP\/1.1 408 /);
  });

  test('that reads nothing must be disconnected', async () => {
    const server = await serve({
      render: () => 'x'.repeat(50_000_000),
      limits: { connection: brief },
    });
    const idle = await client(server, 'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n');
    idle.socket.pause();
    await new Promise((resolve) => setTimeout(resolve, 2 * brief));
    idle.socket.resume();
    await until('an end', idle.isClosed);
    expect(idle.heard().length).toBeLessThan(50_000_000);
  });

  test('that disconnects before its answer must do no harm', async () => {
    let count = 0;
    let finish = (): void => undefined;
    const render = async (): Promise<string> => {
      count += 1;
      await new Promise<void>((resolve) => (finish = resolve));
      return 'late\n';
    };
    const server = await serve({ render });
    const { socket } = await client(server, 'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n');
    await until('a call', () => count === 1);
    socket.resetAndDestroy();
    // Everything that was sent before this has been read before it.
    expect(await ask(server, { path: '/' })).toMatchObject({ status: 404 });
    finish();
    const later = ask(server);
    await until('another call', () => count === 2);
    finish();
    expect(await later).toMatchObject({ status: 200, text: 'late\n' });
  });

  test.each<[string, string, number]>([
    ['too many bytes of headers', `GET /metrics HTTP/1.1\r\nA: ${'b'.repeat(9_000)}\r\n\r\n`, 431],
    ['another protocol', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
    ['two lengths', 'GET /metrics HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 400],
    ['no host', 'GET /metrics HTTP/1.1\r\n\r\n', 400],
  ])('with %s must be refused', async (_, says, status) => {
    const server = await serve();
    const { heard } = await client(server, says);
    await until('a refusal', () => heard().startsWith(`HTTP/1.1 ${status} `));
    expect(await ask(server)).toMatchObject({ status: 200 });
  });

  test('beyond the limit must be disconnected', async () => {
    const server = await serve({ limits: { connections: 2 } });
    const held = [await client(server), await client(server)];
    await until('the end of the third', (await client(server)).isClosed);
    expect(held.map(({ isClosed }) => isClosed())).toEqual([false, false]);
    held[0]?.socket.destroy();
    expect(await answerInTheEnd(server)).toMatchObject({ status: 200 });
  });

  test('must not be locked out by those that do not ask, or not to the end', async () => {
    const server = await serve({ limits: { connections: 2, unheard: durationOf(20) } });
    const slow = [await client(server), await client(server, 'GET /metrics HTTP/1.1\r\n')];
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (let n = 0; n < 3; n += 1) expect(await ask(server)).toMatchObject({ status: 200 });
    await until('the end of a slow one', () => slow.some(({ isClosed }) => isClosed()));
  });
});

describe('the server', () => {
  test('must be reachable from this host only, unless others are allowed', async () => {
    const server = await serve();
    await expect(ask(server, { host: '127.0.0.2' })).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
    const open = await serve({ host: '0.0.0.0', isUnsafe: true });
    expect(await ask(open, { host: '127.0.0.2' })).toMatchObject({ status: 200 });
  });

  test('must close at once, whatever is connected, and more than once', async () => {
    const server = await serve({ render: () => new Promise(() => undefined) });
    const silent = await client(server);
    const waiting = await client(server, 'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n');
    await server.close();
    await server.close();
    await until('both ends', () => silent.isClosed() && waiting.isClosed());
    await expect(ask(server)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('must say that its port is in use', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    toEnd.push(() => void other.close());
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const refusal = await refusalOf({ port });
    expect(refusal.code).toBe('failed');
    expect(refusal.message).toBe(
      `--metrics-listen: expected to listen on 127.0.0.1:${port}, found another program that listens there`,
    );
    expect(refusal.hint).toBe('choose another port, or end that program');
  });

  test.each(['0.0.0.0', '::', 'web1'])('must refuse %s, which others can reach', async (host) => {
    const refusal = await refusalOf({ host });
    expect(refusal.code).toBe('usage');
    expect(refusal.message).toContain(
      `of this host only (127.0.0.1, ::1, localhost), found "${host}"`,
    );
  });

  test.each([
    { host: '192.0.2.1', port: 9_464, found: /on 192\.0\.2\.1:9464, found .*EADDRNOTAVAIL/ },
    { host: '::1', port: 70_000, found: /on \[::1\]:70000, found .*65536/ },
  ])('must say why it cannot listen on $host:$port', async ({ host, port, found }) => {
    expect((await refusalOf({ host, port, isUnsafe: true })).message).toMatch(found);
  });
});

async function refusalOf(where: Partial<MetricsRequest>): Promise<WorkerctlError> {
  const refusal: unknown = await serve(where).catch((error: unknown) => error);
  if (refusal instanceof WorkerctlError) return refusal;
  throw new Error('expected a WorkerctlError');
}
