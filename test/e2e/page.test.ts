import { chmodSync, chownSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { askHttp, type HttpAnswer, type HttpRequest } from '../rig/http.ts';
import { booted } from '../rig/instance.ts';
import { freePort } from '../rig/port.ts';
import { fixture, heard, runProgram } from '../rig/programs.ts';
import { createRig, type Rig } from '../rig/rig.ts';
import { validate } from '../rig/schemas.ts';
import { until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

const idle = { command: fixture('idle') };

const toEnd: (() => void)[] = [];

afterEach(() => {
  for (const end of toEnd.splice(0)) end();
});

type Asked = Pick<HttpRequest, 'method' | 'headers'>;

const ask = (port: number, path: string, more: Asked = {}): Promise<HttpAnswer> =>
  askHttp(port, { path, ...more });

/** Serves the page of a rig by `page`, and returns the port. */
async function paged(rig: Rig, ...args: readonly string[]): Promise<number> {
  const running = rig.workerctl('page', ...args);
  const said = heard(running);
  let stderr = '';
  running.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return until('the address of the page', () => {
    if (running.exitCode !== null) throw new Error(`page has ended: ${stderr}`);
    const port = /^http:\/\/[^/]+:(\d+)\/$/m.exec(said())?.[1];
    return port === undefined ? undefined : Number(port);
  });
}

/** A client that follows the page, until the test ends. */
function follow(
  port: number,
  path = '/stream',
): { readonly socket: Socket; readonly said: () => string } {
  let text = '';
  const socket = connect({ port, host: '127.0.0.1' });
  toEnd.push(() => socket.destroy());
  socket.on('error', () => undefined);
  socket.on('data', (part) => (text += part.toString()));
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  return { socket, said: () => text };
}

const started = async (rig: Rig): Promise<void> => {
  await rig.start();
  await until('all to be ready', async () => (await rig.workerctl('status')).exitCode === 0);
};

test('the page must be readable as HTML, and the JSON beside it must be that of the commands', async () => {
  const rig = createRig({ mail: { ...idle, count: 2 } });
  await started(rig);
  const port = await paged(rig);
  const page = await ask(port, '/');
  expect(page.status).toBe(200);
  for (const words of ['2 of 2 ready', 'mail.1', 'mail.2', 'started pid'])
    expect(page.text).toContain(words);
  for (const [path, schema, command] of [
    ['status', 'status', ['status']],
    ['jobs', 'jobs', ['jobs']],
    ['rollout', 'rollout', ['rollout']],
    ['version', 'version', ['version']],
    ['status?target=mail.2', 'status', ['status', 'mail.2']],
  ] as const) {
    const { status, text } = await ask(port, `/api/${path}`);
    expect(status, text).toBe(200);
    validate(JSON.parse(text) as object, schema);
    const printed = JSON.parse((await rig.workerctl(...command, '--json')).stdout) as object;
    expect(Object.keys(JSON.parse(text) as object)).toEqual(
      expect.arrayContaining(Object.keys(printed).filter((key) => key !== 'events')),
    );
  }
  const events = (await ask(port, '/api/events?kind=started')).text.trim().split('\n');
  expect(events).toHaveLength(2);
  for (const line of events) validate(JSON.parse(line) as object, 'journal');
  expect((await ask(port, '/metrics')).text).toMatch(/^workerctl_instances_ready\{.*\} 2$/m);
  for (const probe of ['/healthz', '/readyz']) {
    const { status, text } = await ask(port, probe);
    expect({ status, ...(JSON.parse(text) as object) }).toMatchObject({ status: 200, ok: true });
    validate(JSON.parse(text) as object, 'health');
  }
  const one = await ask(port, '/instance/mail.1');
  expect(one.status).toBe(200);
  expect(one.text).toContain('<h1>mail.1</h1>');
});

test('a client that reads gzip must get the page compressed, and any other one as it is', async () => {
  const rig = createRig({ mail: idle });
  await started(rig);
  const port = await paged(rig);
  for (const path of ['/', '/page.js', '/page.css']) {
    const plain = await ask(port, path);
    expect(plain.headers).toMatchObject({ vary: 'Accept-Encoding' });
    expect(plain.headers).not.toHaveProperty('content-encoding');
    for (const coding of ['gzip', 'deflate, gzip;q=0.5', 'br, GZIP']) {
      const { headers } = await ask(port, path, { headers: { 'Accept-Encoding': coding } });
      expect(headers, coding).toMatchObject({ 'content-encoding': 'gzip' });
      expect(Number(headers['content-length'])).toBeLessThan(plain.text.length / 2);
    }
    for (const coding of ['identity', 'br', 'gzip;q=0', 'notgzip'])
      expect(
        (await ask(port, path, { headers: { 'Accept-Encoding': coding } })).text,
        coding,
      ).toContain(plain.text.slice(0, 40));
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    expect((await response.text()).slice(0, 100)).toBe(plain.text.slice(0, 100));
  }
  const status = await ask(port, '/api/status', { headers: { 'Accept-Encoding': 'gzip' } });
  expect(JSON.parse(status.text)).toMatchObject({ wanted: 1 });
});

test('bad requests must get a status and a reason, in the JSON of an error', async () => {
  const rig = createRig({ mail: idle });
  const port = await paged(rig);
  for (const [path, status, words] of [
    ['/api/status?target=nothing', 400, 'nothing'],
    ['/api/status?verbose=1', 400, 'verbose'],
    ['/api/logs?lines=many', 400, 'whole number'],
    ['/api/logs?lines=1&lines=2', 400, 'expected one lines'],
    ['/api/events?kind=exploded', 400, 'exploded'],
    ['/api/restart', 404, 'no such page'],
    ['/api/constructor', 404, 'no such page'],
    ['/../../etc/passwd', 404, 'no such page'],
    ['/%zz', 404, 'no such page'],
    ['/instance/%zz', 404, 'no such page'],
  ] as const) {
    const answer = await ask(port, path);
    expect(answer.status, path).toBe(status);
    validate(JSON.parse(answer.text) as object, 'error');
    expect(answer.text).toContain(words);
  }
  expect((await ask(port, '/instance/%3Cb%3Enobody')).text).toContain('&lt;b>nobody');
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
    const answer = await ask(port, '/', { method });
    expect([answer.status, answer.headers.allow], method).toEqual([405, 'GET, HEAD']);
  }
  expect((await ask(port, '/readyz')).status, 'mail.1 is missing').toBe(503);
});

test('every answer must forbid inline code, other origins, frames and guessed types', async () => {
  const rig = createRig({ mail: idle });
  const port = await paged(rig);
  for (const path of [
    '/',
    '/page.js',
    '/page.css',
    '/api/status',
    '/nothing',
    '/healthz',
    '/metrics',
  ]) {
    const { headers } = await ask(port, path, { headers: { Origin: 'http://evil.example' } });
    const policy = String(headers['content-security-policy']);
    expect(policy, path).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  }
  const { text } = await ask(port, '/');
  expect(text).not.toMatch(/<script(?![^>]*src="\/page\.js")|\sstyle=|\son\w+=|javascript:/i);
});

test('a page of another site must get nothing by a name of its own (DNS rebinding), or by a request', async () => {
  const rig = createRig({ mail: idle });
  const port = await paged(rig);
  for (const [Host, status] of [
    ['evil.example', 403],
    [`evil.example:${port}`, 403],
    ['localhost.evil.example', 403],
    ['127.0.0.1.evil.example', 403],
    ['[::1].evil.example', 403],
    [`localhost:${port}`, 200],
    ['localhost:8080', 200],
    ['127.0.0.1', 200],
    ['[::1]:9001', 200],
  ] as const)
    for (const path of ['/', '/api/status', '/metrics'])
      expect((await ask(port, path, { headers: { Host } })).status, `${Host} ${path}`).toBe(status);
  const foreign = { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors' };
  expect((await ask(port, '/api/status', { headers: foreign })).status).toBe(403);
  const link = { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate' };
  expect((await ask(port, '/', { headers: link })).status, 'a link may lead to it').toBe(200);
});

test('an address that others reach must need a token, in a file that others cannot read', async () => {
  const rig = createRig({ mail: idle });
  const refused = async (...args: readonly string[]): Promise<string> => {
    const { exitCode, stderr } = await rig.workerctl('page', ...args);
    expect(exitCode, stderr).toBe(2);
    return stderr;
  };
  for (const address of ['0.0.0.0:0', '[::]:0', '10.1.2.3:0', 'example.com:0'])
    expect(await refused('--http', address)).toContain('--http-token FILE');
  const file = rig.path('token');
  const token = 'x'.repeat(40);
  writeFileSync(file, `${token}\n`, { mode: 0o600 });
  chmodSync(file, 0o640);
  expect(await refused('--http-token', file)).toContain(`chmod 600 ${file}`);
  chmodSync(file, 0o600);
  if (process.getuid?.() === 0) {
    chownSync(file, 65534, 65534);
    expect(await refused('--http-token', file)).toContain('user 65534');
    chownSync(file, 0, 0);
  }
  for (const text of ['', 'short\n', 'two words of the token\n', `${'y'.repeat(5_000)}\n`]) {
    writeFileSync(file, text);
    expect(await refused('--http-token', file)).toContain('--http-token');
  }
  expect(await refused('--http-token', rig.path('none'))).toContain('ENOENT');

  writeFileSync(file, `${token}\n`);
  const port = await paged(rig, '--http', '0.0.0.0:0', '--http-token', file);
  const statusWith = async (path: string, headers: Asked['headers']): Promise<number | undefined> =>
    (await ask(port, path, { ...(headers && { headers }) })).status;
  for (const path of ['/', '/stream', '/api/status', '/api/logs', '/metrics', '/instance/mail.1'])
    for (const headers of [
      {},
      { Authorization: 'Bearer wrong' },
      { Authorization: `Bearer ${token}x` },
      { Authorization: 'Basic eDp5' },
      { Cookie: `workerctl_0=${token}` },
    ])
      expect(await statusWith(path, headers), path).toBe(401);
  expect(await statusWith('/?token=wrong', {})).toBe(401);
  expect(await statusWith('/api/status', { Authorization: `Bearer ${token}` })).toBe(200);
  expect(await statusWith('/healthz', {}), 'a probe has no password').toBe(200);

  const login = await ask(port, `/instance/mail.1?token=${token}&x=1`);
  expect([login.status, login.headers.location]).toEqual([303, '/instance/mail.1?x=1']);
  const [cookie = ''] = login.headers['set-cookie'] ?? [];
  expect(cookie).toMatch(/; HttpOnly; SameSite=Strict; Path=\/$/);
  expect(cookie).not.toContain(token);
  const Cookie = cookie.split(';', 1)[0] ?? '';
  expect(await statusWith('/', { Cookie })).toBe(200);
  expect(await statusWith('/', { Cookie, Host: 'workers.example' }), 'behind a proxy').toBe(200);
  for (const path of ['//evil.example/', '/\\evil.example/', '/'])
    expect((await ask(port, `${path}?token=${token}`)).headers.location, path).toMatch(
      /^\/(?![/\\])/,
    );
});

test.skipIf(process.getuid?.() !== 0)(
  'another user of this host must see the metrics and nothing else',
  async () => {
    const rig = createRig({ mail: idle });
    const port = await paged(rig);
    const as = (uid: number, path: string) =>
      runProgram(rig.folder, {}, 'setpriv', [
        `--reuid=${uid}`,
        '--clear-groups',
        process.execPath,
        '-e',
        `fetch('http://127.0.0.1:${port}${path}').then(({status}) => console.log(status))`,
      ]);
    for (const path of ['/', '/api/status', '/api/logs', '/stream', '/instance/mail.1'])
      expect((await as(65534, path)).stdout.trim(), path).toBe('403');
    for (const path of ['/metrics', '/healthz'])
      expect((await as(65534, path)).stdout.trim(), path).toBe('200');
    expect((await as(0, '/api/status')).stdout.trim()).toBe('200');
  },
);

test('a follower of watch --http must hear of a death at once, of the log, and again from the next watch', async () => {
  const rig = createRig({ mail: { command: fixture('tells-its-work'), count: 2 } });
  await started(rig);
  const port = await freePort();
  const first = await watching(rig, '--http', `127.0.0.1:${port}`);
  const follower = follow(port);
  const reader = follow(port, '/stream?instance=mail.1');
  await until('the first view', () => follower.said().includes('"name":"mail.2"'));
  await until('the log', () => reader.said().includes('event: log'));
  const { length } = follower.said();
  process.kill(await booted(rig.instance('mail.1')), 'SIGKILL');
  await until('its death', () => follower.said().slice(length).includes('died'));
  const { at } = await first.reports('died');
  expect(Date.parse(at)).toBeGreaterThan(0);
  await until('its successor', () => follower.said().slice(length).includes('"state":"ready"'));
  first.send('SIGTERM');
  await until('the end of the stream', () => follower.socket.destroyed);
  await first.running;
  await watching(rig, '--http', `127.0.0.1:${port}`);
  await until('the same page again', async () => (await ask(port, '/')).status === 200);
  const counts = JSON.parse(readFileSync(`${rig.stateDir}/ledger/day.json`, 'utf8')) as object;
  expect(counts).toMatchObject({ counts: [{ wanted: 2 }] });
});

test('silent clients and those that do not read must not lock out others', async () => {
  const rig = createRig({ mail: idle });
  const port = await paged(rig);
  const readers: ReturnType<typeof follow>[] = [];
  while (readers.length < 192) {
    const more = Array.from({ length: 16 }, () => follow(port));
    await until('their streams', () => more.every(({ said }) => said().includes('retry:')));
    readers.push(...more);
  }
  const further = follow(port);
  await until('one too many to be refused', () => further.said().startsWith('HTTP/1.1 503'));
  const silent = Array.from({ length: 300 }, () =>
    connect({ port, host: '127.0.0.1' }).on('error', () => undefined),
  );
  toEnd.push(() => {
    for (const socket of silent) socket.destroy();
  });
  const answers = async (): Promise<boolean> =>
    ask(port, '/healthz').then(
      ({ status }) => status === 200,
      () => false,
    );
  await until('an answer all the same', answers);
  expect(readers.every(({ socket }) => !socket.destroyed)).toBe(true);
});
