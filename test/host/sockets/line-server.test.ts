import { closeSync, existsSync, lstatSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import { chownSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { LineClient, LineHandler } from '../../../src/core/protocols/admin-protocol.ts';
import { WorkerctlError } from '../../../src/core/basics/error.ts';
import { durationOf } from '../../../src/core/basics/time.ts';
import { createLineServer, type LineServer } from '../../../src/host/sockets/line-server.ts';
import type { LineServerOptions } from '../../../src/host/sockets/line-server.ts';
import { useScratch, type Child } from '../../rig/scratch.ts';
import { pause, until } from '../../rig/wait.ts';

const scratch = useScratch();
const socketPath = (): string => scratch.path('control.sock');
const servers: LineServer[] = [];
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

const echo: LineHandler = (line) => Promise.resolve([`heard ${line}`, '.']);

async function serve(options: Partial<LineServerOptions> = {}): Promise<LineServer> {
  const server = await createLineServer({ path: socketPath(), handle: echo, ...options });
  servers.push(server);
  return server;
}

async function refused(options: Partial<LineServerOptions> = {}): Promise<WorkerctlError> {
  const error: unknown = await serve(options).catch((thrown: unknown) => thrown);
  if (error instanceof WorkerctlError) return error;
  throw new Error('expected that it is refused', { cause: error });
}

interface Dialled {
  readonly socket: Socket;
  readonly heard: () => string;
  /** Resolves to everything that was received when the server has ended the connection, or broken it. */
  readonly ended: () => Promise<string>;
  readonly says: (text: string) => Promise<void>;
}

/** Does what nc and telnet do: sends bytes and receives bytes. */
function dial(to: string | number = socketPath(), { reads = true } = {}): Dialled {
  const where = typeof to === 'string' ? { path: to } : { port: to, host: '127.0.0.1' };
  const socket = connect({ ...where, allowHalfOpen: true });
  sockets.push(socket);
  let heard = '';
  let isOver = false;
  const over = (): void => {
    isOver = true;
  };
  socket.on('error', over).on('close', over).on('end', over);
  if (reads) socket.on('data', (bytes: Buffer) => (heard += bytes.toString()));
  return {
    socket,
    heard: () => heard,
    ended: async () => {
      await until('the end of a connection', () => isOver);
      return heard;
    },
    says: async (text) => {
      await until(`${JSON.stringify(text)} in ${JSON.stringify(heard)}`, () =>
        heard.includes(text),
      );
    },
  };
}

/** As `printf INPUT | nc -N` does. */
async function ask(input: string | Buffer, to?: string | number): Promise<string> {
  const client = dial(to);
  client.socket.end(input);
  return client.ended();
}

const numbered = (count: number, line: (n: number) => string): string =>
  Array.from({ length: count }, (_, n) => line(n)).join('');

/** Leaves a stale socket behind. */
async function leaveStaleSocket(): Promise<void> {
  const program = scratch.program(`
    import { createServer } from 'node:net';
    createServer().listen(${JSON.stringify(socketPath())}, () => console.log('listening'));`);
  const child = scratch.run(program);
  await child.says('listening');
  child.process.kill('SIGKILL');
  await child.ended();
  expect(lstatSync(socketPath()).isSocket()).toBe(true);
}

describe('the socket', () => {
  test('must be usable by its owner alone, and be removed with the server', async () => {
    const server = await serve();
    expect((lstatSync(socketPath()).mode & 0o7777).toString(8)).toBe('600');
    expect(readdirSync(scratch.folder())).toEqual(['control.sock']);
    await server.close();
    expect(readdirSync(scratch.folder())).toEqual([]);
  });

  test('must never exist with another mode, under any umask', async () => {
    const look = scratch.run(
      scratch.program(`
      import { lstatSync } from 'node:fs';
      const seen = new Set();
      let looks = 0;
      const look = () => {
        for (let n = 0; n < 2000; n += 1) {
          const stats = lstatSync(${JSON.stringify(socketPath())}, { throwIfNoEntry: false });
          if (stats !== undefined) seen.add((stats.mode & 0o777).toString(8)), looks += 1;
        }
        setImmediate(look);
      };
      process.stdin.on('data', () => { console.log('seen', [...seen].join(), looks > 0); process.exit(); });
      console.log('looking');
      look();`),
    );
    await look.says('looking');
    const before = process.umask(0);
    try {
      for (let round = 0; round < 100; round += 1) await (await serve()).close();
    } finally {
      process.umask(before);
    }
    await serve();
    await pause(50);
    look.send('enough');
    await look.says('seen 600 true');
  });

  test('that is stale must be replaced', async () => {
    await leaveStaleSocket();
    await serve();
    expect(await ask('a\n')).toBe('heard a\r\n.\r\n');
  });

  test('on which another server answers must be left alone', async () => {
    await serve();
    const error = await refused();
    expect(error.code).toBe('locked');
    expect(error.message).toContain('another process answers');
    expect(await ask('a\n')).toBe('heard a\r\n.\r\n');
    expect(readdirSync(scratch.folder())).toEqual(['control.sock']);
  });

  test('must have one owner if many servers find a stale one at once', async () => {
    for (let round = 0; round < 10; round += 1) {
      await leaveStaleSocketInPlace();
      const results = await Promise.allSettled(Array.from({ length: 8 }, () => serve()));
      const [winner, ...others] = results.filter(({ status }) => status === 'fulfilled');
      expect(others).toHaveLength(0);
      expect(await ask('a\n')).toBe('heard a\r\n.\r\n');
      if (winner?.status === 'fulfilled') await winner.value.close();
      expect(readdirSync(scratch.folder())).toEqual([]);
    }
  });

  test('must not be removed if it was replaced by another one', async () => {
    const server = await serve();
    renameSync(socketPath(), scratch.path('moved'));
    const next = await serve();
    await server.close();
    expect(await ask('a\n')).toBe('heard a\r\n.\r\n');
    await next.close();
    expect(existsSync(socketPath())).toBe(false);
  });

  test.each([
    [
      'a file',
      () => {
        writeFileSync(socketPath(), 'precious');
      },
    ],
    [
      'a directory',
      () => {
        mkdirSync(socketPath());
      },
    ],
    [
      'a link',
      () => {
        symlinkSync(scratch.path('elsewhere'), socketPath());
      },
    ],
  ])('must not take the place of %s', async (_, put) => {
    put();
    const error = await refused();
    expect(error.code).toBe('state');
    expect(error.message).toContain('expected a socket of ours, found another kind of file');
    expect(error.hint).toContain('remove it');
    expect(readdirSync(scratch.folder())).toEqual(['control.sock']);
  });

  test.runIf(process.geteuid?.() === 0)('of another user must be left alone', async () => {
    await leaveStaleSocket();
    chownSync(socketPath(), 54321, 54321);
    const error = await refused();
    expect([error.code, error.message]).toEqual(['state', expect.stringContaining('user 54321')]);
    expect(existsSync(socketPath())).toBe(true);
  });

  test.each([60, 90, 107, 108, 150, 240])(
    'must be made, found again and replaced in a directory whose path has %d more bytes',
    async (length) => {
      const folder = scratch.path('d'.repeat(length));
      mkdirSync(folder);
      const path = join(folder, 'control.sock');
      const server = await serve({ path });
      expect(readdirSync(folder)).toEqual(['control.sock']);
      expect((await refused({ path })).code).toBe('locked');
      const fd = openSync(folder, 'r');
      expect(await ask('a\n', `/proc/self/fd/${fd}/control.sock`)).toBe('heard a\r\n.\r\n');
      await server.close();
      expect(readdirSync(folder)).toEqual([]);
      writeFileSync(path, '');
      expect((await refused({ path })).code).toBe('state');
      closeSync(fd);
    },
  );

  test('that was removed must be made anew, and its clients stay', async () => {
    const server = await serve();
    const client = dial();
    client.socket.write('a\n');
    await client.says('heard a');
    rmSync(socketPath());
    await server.relisten();
    client.socket.write('b\n');
    await client.says('heard b');
    expect(await ask('c\n')).toBe('heard c\r\n.\r\n');
    await server.close();
    expect(readdirSync(scratch.folder())).toEqual([]);
  });

  test('must be refused with a message if there is no directory', async () => {
    const error = await refused({ path: scratch.path('nowhere/control.sock') });
    expect([error.code, error.message]).toEqual(['state', expect.stringContaining('ENOENT')]);
  });
});

/** Without its own process: a server that has lost its name before it ended. */
async function leaveStaleSocketInPlace(): Promise<void> {
  const server = await createLineServer({ path: socketPath(), handle: echo });
  renameSync(socketPath(), scratch.path('kept'));
  await server.close();
  renameSync(scratch.path('kept'), socketPath());
}

describe('the port', () => {
  const tcp = { host: '127.0.0.1', port: 0 };

  test.each(['127.0.0.1', 'localhost'])('on %s must answer as the socket does', async (host) => {
    const { port } = await serve({ tcp: { host, port: 0 } });
    expect(await ask('a\r\n', port)).toBe('heard a\r\n.\r\n');
    expect(await ask('a\r\n')).toBe('heard a\r\n.\r\n');
  });

  test.each(['0.0.0.0', '::', '192.168.1.1', 'example.org', '127.1', ''])(
    'must not be opened on %j, which others may reach',
    async (host) => {
      const error = await refused({ tcp: { host, port: 0 } });
      expect([error.code, error.message]).toEqual([
        'usage',
        expect.stringContaining('of this host only'),
      ]);
      expect(readdirSync(scratch.folder())).toEqual([]);
    },
  );

  test('must be opened on any address if that is allowed', async () => {
    const { port } = await serve({ tcp: { host: '127.1', port: 0, isUnsafe: true } });
    expect(await ask('a\n', port)).toBe('heard a\r\n.\r\n');
  });

  test('that is in use must be reported, and leave no socket behind', async () => {
    const { port = 0 } = await serve({ tcp });
    const error = await refused({ path: scratch.path('other.sock'), tcp: { ...tcp, port } });
    expect(error.code).toBe('failed');
    expect(error.message).toBe(
      `--listen: expected to listen on 127.0.0.1:${port}, found another program that listens there`,
    );
    expect(existsSync(scratch.path('other.sock'))).toBe(false);
  });

  test('must be free again when the socket is refused', async () => {
    await serve();
    const { port = 0, close } = await serve({ path: scratch.path('other.sock'), tcp });
    await close();
    await refused({ tcp: { ...tcp, port } });
    await serve({ path: scratch.path('other.sock'), tcp: { ...tcp, port } });
  });

  test('must be a valid one', async () => {
    const error = await refused({ tcp: { ...tcp, port: 70_000 } });
    expect([error.code, error.message]).toEqual([
      'usage',
      expect.stringContaining('127.0.0.1:70000'),
    ]);
  });
});

describe('a client', () => {
  test('must be answered with any line ending', async () => {
    await serve();
    expect(await ask('a\nb\r\n\nc\n')).toBe(
      ['a', 'b', '', 'c'].map((line) => `heard ${line}\r\n.\r\n`).join(''),
    );
  });

  test('must be answered in order, one request after the other, however it sends them', async () => {
    let running = 0;
    let most = 0;
    await serve({
      handle: async (line) => {
        running += 1;
        most = Math.max(most, running);
        await pause(Math.random() * 3);
        running -= 1;
        return [line, '.'];
      },
    });
    const { socket, ended } = dial();
    const input = numbered(300, (n) => `request ${n}\n`);
    for (let at = 0; at < input.length; at += 7) socket.write(input.slice(at, at + 7));
    socket.end();
    expect(await ended()).toBe(numbered(300, (n) => `request ${n}\r\n.\r\n`));
    expect(most).toBe(1);
  });

  test('must get an error for a line that is too long, and be disconnected', async () => {
    await serve();
    const longest = 'x'.repeat(4096);
    expect(await ask(`${longest}\r\n`)).toBe(`heard ${longest}\r\n.\r\n`);
    expect(await ask(`${longest}x\r\nb\n`)).toBe('ERROR: line too long\r\n.\r\n');
    const { socket, ended } = dial();
    socket.write(`a\n${'x'.repeat(1024 * 1024)}\nb\n`);
    expect(await ended()).toBe('heard a\r\n.\r\nERROR: line too long\r\n.\r\n');
    expect(await ask('x'.repeat(1024 * 1024))).toBe('ERROR: line too long\r\n.\r\n');
  });

  test('must not have an unfinished line executed', async () => {
    await serve();
    expect(await ask('a\nb')).toBe(
      'heard a\r\n.\r\nERROR: incomplete line: expected a newline\r\n.\r\n',
    );
  });

  test('may send any bytes', async () => {
    await serve();
    const bytes = Buffer.from(Array.from({ length: 2048 }, (_, n) => n % 256));
    const said = await ask(Buffer.concat([bytes, Buffer.from('\nlast\n')]));
    expect(said.endsWith('heard last\r\n.\r\n')).toBe(true);
  });

  test('must get an error if the handler has a bug, and further answers', async () => {
    const handle: LineHandler = (line, client) => {
      if (line === 'bug') throw new TypeError('no such thing');
      return echo(line, client);
    };
    await serve({ handle });
    expect(await ask('bug\na\n')).toBe(
      'ERROR: this is a bug: no such thing\r\n.\r\nheard a\r\n.\r\n',
    );
  });

  test('must be disconnected after the reply if its handler says so', async () => {
    const handle: LineHandler = (line, client) => {
      client.end();
      return echo(line, client);
    };
    await serve({ handle });
    const { socket, ended } = dial();
    socket.write('a\nb\n');
    expect(await ended()).toBe('heard a\r\n.\r\n');
  });

  test('that disconnects must be noticed, and not affect the others', async () => {
    let gone = 0;
    const running: (() => void)[] = [];
    const handle: LineHandler = async (line, client) => {
      client.onClose(() => (gone += 1));
      if (line === 'wait') await new Promise<void>((resolve) => running.push(resolve));
      client.send('sent to a client that may be gone');
      return echo(line, client);
    };
    await serve({ handle });
    const clients = Array.from({ length: 20 }, () => dial());
    for (const { socket } of clients) socket.write('wait\nhalf a li');
    await until('all requests', () => running.length === 20);
    for (const { socket } of clients) socket.destroy();
    for (const resume of running) resume();
    await until('that all are gone', () => gone === 20);
    expect(await ask('a\n')).toContain('heard a\r\n.\r\n');
  });

  test('beyond the limit must get an error, and be accepted when there is room', async () => {
    await serve({ limits: { clients: 3 } });
    const clients = [dial(), dial(), dial()];
    for (const { socket, says } of clients) {
      socket.write('a\n');
      await says('.');
    }
    expect(await ask('a\n')).toBe('ERROR: too many clients\r\n.\r\n');
    clients[0]?.socket.destroy();
    let said = '';
    await until('room', () => {
      void ask('b\n').then((text) => (said = text));
      return said === 'heard b\r\n.\r\n';
    });
  });

  test('that send nothing, or half a line, must make room for others', async () => {
    await serve({ limits: { clients: 3, unheard: durationOf(50) } });
    const [silent, half, working] = [dial(), dial(), dial()];
    half.socket.write('half a li');
    working.socket.write('a\n');
    await working.says('heard a');
    await pause(100);
    const others = [dial(), dial()];
    for (const { socket } of others) socket.write('b\n');
    for (const { says } of others) await says('heard b');
    for (const { ended } of [silent, half])
      expect(await ended()).toContain('ERROR: too many clients');
    working.socket.write('c\n');
    await working.says('heard c');
  });

  test('that have sent nothing more for long must make room, the quietest first', async () => {
    await serve({ limits: { clients: 2, quiet: durationOf(100) } });
    const [first, second] = [dial(), dial()];
    first.socket.write('a\n');
    await first.says('heard a');
    second.socket.write('a\n');
    await second.says('heard a');
    expect(await ask('b\n')).toContain('ERROR: too many clients');
    await pause(150);
    expect(await ask('b\n')).toBe('heard b\r\n.\r\n');
    expect(await first.ended()).toContain('ERROR: too many clients');
    second.socket.write('c\n');
    await second.says('heard c');
  });

  test('that read nothing must not keep their places when they are refused', async () => {
    await serve({ limits: { clients: 2, quiet: durationOf(20), waitingBytes: 10_000_000 } });
    const wordy = 'x'.repeat(4000);
    const sleepers = [dial(socketPath(), { reads: false }), dial(socketPath(), { reads: false })];
    for (const { socket } of sleepers) for (let n = 0; n < 500; n += 1) socket.write(`${wordy}\n`);
    await until('room', async () => (await ask('b\n')).startsWith('heard b'));
    for (let n = 0; n < 10; n += 1) expect(await ask('b\n')).toBe('heard b\r\n.\r\n');
  });

  test('on TCP must not take the places of those on the Unix socket, nor the other way round', async () => {
    const server = await serve({ limits: { clients: 2 }, tcp: { host: '127.0.0.1', port: 0 } });
    const { port = 0 } = server;
    for (const client of [dial(port), dial(port)]) {
      client.socket.write('a\n');
      await client.says('heard a');
    }
    expect(await ask('b\n', port)).toContain('ERROR: too many clients');
    expect(await ask('b\n')).toBe('heard b\r\n.\r\n');
  });
});

/** Nothing but lines to send, whenever `emit` is called. */
function aBroadcast() {
  const clients = new Set<LineClient>();
  const handle: LineHandler = (line, client) => {
    clients.add(client);
    client.onClose(() => clients.delete(client));
    return echo(line, client);
  };
  const emit = (line: string): void => {
    for (const client of clients) client.send(line);
  };
  return { handle, emit, count: () => clients.size };
}

describe('a client that does not read', () => {
  test('must be disconnected when too much waits for it, without affecting another client', async () => {
    const { handle, emit, count } = aBroadcast();
    await serve({ handle });
    const [reader, sleeper] = [dial(), dial(socketPath(), { reads: false })];
    for (const { socket } of [reader, sleeper]) socket.write('watch\n');
    await until('both', () => count() === 2);
    let sent = 0;
    while (count() === 2 && sent < 100) {
      emit(`${String(sent)} ${'x'.repeat(50_000)}`);
      sent += 1;
      await pause(1);
    }
    expect(count()).toBe(1);
    // What the kernel keeps for a socket comes on top.
    expect(sent * 50_000).toBeGreaterThan(1024 * 1024);
    expect(sent * 50_000).toBeLessThan(2 * 1024 * 1024);
    await reader.says(`${String(sent - 1)} xxx`);
  });

  test('must be disconnected after a while even if little waits, unless it reads slowly', async () => {
    const { handle, emit, count } = aBroadcast();
    await serve({ handle, limits: { stall: durationOf(2000) } });
    const [slow, sleeper] = [
      dial(socketPath(), { reads: false }),
      dial(socketPath(), { reads: false }),
    ];
    for (const { socket } of [slow, sleeper]) socket.write('watch\n');
    await until('both', () => count() === 2);
    for (let n = 0; n < 12; n += 1) emit('x'.repeat(50_000));
    const reading = setInterval(() => {
      slow.socket.read(5000);
    }, 20);
    await until('that one is dropped', () => count() === 1);
    await pause(2000);
    clearInterval(reading);
    expect(count()).toBe(1);
    expect(slow.socket.destroyed).toBe(false);
  });

  test('must get every answer once it reads', async () => {
    let handled = 0;
    const answer = 'x'.repeat(1000);
    await serve({
      handle: () => {
        handled += 1;
        return Promise.resolve([`${handled} ${answer}`, '.']);
      },
    });
    const client = dial(socketPath(), { reads: false });
    client.socket.end('a\n'.repeat(5000));
    await pause(300);
    const before = handled;
    await pause(100);
    expect(handled).toBe(before);
    expect(handled).toBeLessThan(1000);
    let heard = '';
    client.socket.on('data', (bytes: Buffer) => (heard += bytes.toString()));
    await client.ended();
    expect(heard).toBe(numbered(5000, (n) => `${n + 1} ${answer}\r\n.\r\n`));
  });
});

describe('the end of the server', () => {
  test('must come within a second whatever its clients do, after the reply in progress', async () => {
    const { handle, emit, count } = aBroadcast();
    const server = await serve({
      handle: async (line, client) => {
        if (line === 'slow') await pause(200);
        return handle(line, client);
      },
      tcp: { host: '127.0.0.1', port: 0 },
    });
    const sleeper = dial(socketPath(), { reads: false });
    const [idle, overTcp, asking] = [dial(), dial(server.port), dial()];
    for (const { socket } of [sleeper, idle, overTcp, asking]) socket.write('a\n');
    await until('all', () => count() === 4);
    for (let n = 0; n < 15; n += 1) emit('x'.repeat(50_000));
    asking.socket.write('slow\n');
    await pause(50);
    const startedAt = performance.now();
    await Promise.all([server.close(), server.close()]);
    expect(performance.now() - startedAt).toBeLessThan(1000);
    for (const { ended } of [idle, overTcp]) await ended();
    expect(await asking.ended()).toMatch(/heard slow\r\n\.\r\n$/);
    await expect(ask('a\n')).resolves.toBe('');
  });
});

describe('many at once', () => {
  /**
   * What the server's process may grow by, in kB, with 200 clients of which 100 watch and never read. Measured on Node.js 20
   * to 26: 70,000 to 95,000, about 48,000 of them V8's young generation, which any work fills.
   */
  const bound = 128 * 1024;

  /** In MB, of which V8 has three. Node.js 20 takes this by itself; 24 takes twice as much, and so twice the memory. */
  const youngGeneration = '--max-semi-space-size=16';

  const program = (): string[] =>
    scratch.program(
      `
    import { createInterface } from 'node:readline';
    import { adminHandler } from '../core/protocols/admin-protocol.ts';
    import { createLineServer } from './sockets/line-server.ts';
    const listeners = new Set();
    const jobs = Array.from({ length: 20 }, (_, n) => ({ worker: 'w' + n, desired: 9, pids: [n] }));
    const backend = {
      version: '1', workers: () => [], jobs: () => jobs, recent: () => [],
      stats: () => ({ uptime: 0, counters: { watching: listeners.size } }),
      want: () => Promise.resolve(0),
      to: () => Promise.resolve(''), shutdown: () => '',
      subscribe: (listener) => (listeners.add(listener), () => listeners.delete(listener)),
    };
    const options = { path: ${JSON.stringify(socketPath())}, handle: adminHandler(backend) };
    void createLineServer(options).then(() => console.log('listening'));
    let sent = 0;
    createInterface({ input: process.stdin }).on('line', (line) => {
      for (let n = 0; n < 400; n += 1, sent += 1)
        for (const listener of listeners) listener(sent + ' ' + 'x'.repeat(80));
      console.log('sent ' + line);
    });
`,
    );

  const memory = (child: Child, field: 'VmRSS' | 'VmHWM'): number => {
    const status = readFileSync(`/proc/${child.pid}/status`, 'latin1');
    return Number(new RegExp(`^${field}:\\s*(\\d+) kB`, 'm').exec(status)?.[1]);
  };

  test('must all be answered if they read, in bounded memory', async () => {
    const [node = '', ...words] = program();
    const child = scratch.run([node, youngGeneration, ...words]);
    await child.says('listening');
    await ask('!jobs\n!help\n'.repeat(100));
    const before = memory(child, 'VmRSS');

    const sleepers = Array.from({ length: 100 }, () => dial(socketPath(), { reads: false }));
    for (const { socket } of sleepers) socket.write('!watch\n!jobs\n');
    const readers = Array.from({ length: 70 }, () => dial());
    for (const { socket } of readers) socket.write('!watch\n');
    for (const { says } of readers) await says('Added you');
    const hostile = Array.from({ length: 30 }, (_, n) =>
      n % 2 === 0
        ? ask(Buffer.alloc(1024 * 1024, 'x'))
        : ask(Buffer.from(Array.from({ length: 3000 }, (__, at) => (at * 7) % 256))),
    );

    // 60 rounds of 400 events of 90 bytes: twice what may wait for one.
    for (let round = 0; round < 60; round += 1) {
      child.send(String(round));
      if (round % 20 === 0) for (const { socket } of readers) socket.write('!version\n!want\n');
      await child.says(`sent ${round}\n`);
    }
    await Promise.all(hostile);
    for (const { says } of readers) await says(`:: 23999 x`);
    for (const { heard } of readers) {
      const lines = heard().split('\r\n');
      const events = lines.filter((line) => line.startsWith(':: '));
      expect(events.map((line) => parseInt(line.slice(3), 10))).toEqual([...Array(24_000).keys()]);
      expect(lines.filter((line) => !line.startsWith(':: ')).join('|')).toBe(
        `Added you to watcher list.|.|${'1|.|ERROR: usage: !want <count> <jobclass>|.|'.repeat(3)}`,
      );
    }

    // All clients that did not read are gone: one subscription remains, and there is room for 256 again.
    const grown = memory(child, 'VmHWM') - before;
    expect(grown, `kB more than ${before}`).toBeLessThan(bound);
    const fresh = Array.from({ length: 180 }, () => ask('!version\n'));
    for (const said of await Promise.all(fresh)) expect(said).toBe('1\r\n.\r\n');
  });
});
