import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  adminHandler,
  formatReply,
  maxDesired,
  type AdminBackend,
  type LineClient,
} from '../../../src/core/protocols/admin-protocol.ts';
import { WorkerctlError } from '../../../src/core/basics/error.ts';
import { durationOf } from '../../../src/core/basics/time.ts';

/** A backend of two workers that notes what it is asked for. */
function aBackend(changes: Partial<AdminBackend> = {}) {
  const asked: string[] = [];
  const listeners = new Set<(line: string) => void>();
  const backend: AdminBackend = {
    version: '0.1.0',
    workers: () => ['mail', 'fsck'],
    jobs: () => [
      { worker: 'mail', desired: 2, pids: [] },
      { worker: 'fsck', desired: 1, pids: [10012, 9012] },
      { worker: 'Old', desired: 0, pids: [77] },
    ],
    want: (worker, count) => {
      asked.push(`want ${count} ${worker}`);
      return Promise.resolve(count);
    },
    stats: () => ({ uptime: durationOf(123_999), counters: { starts: 3, passes: 40 } }),
    health: () => undefined,
    recent: () => ['mail.1: started pid 5841', '.', 'busy with a\r\n.\r\nfaked'],
    to: (target, text) => {
      asked.push(`to ${target}: ${text}`);
      return Promise.resolve('Message sent to 2 children.');
    },
    shutdown: () => {
      asked.push('shutdown');
      return 'workerctl watch ends; the workers run on.';
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    ...changes,
  };
  const emit = (line: string): void => {
    for (const listener of listeners) listener(line);
  };
  return { backend, asked, listeners, emit };
}

/** A client that keeps what it is sent. */
function aClient() {
  const sent: string[] = [];
  const farewells = new Set<() => void>();
  let ends = 0;
  const client: LineClient = {
    send: (line) => sent.push(line),
    onClose: (listener) => farewells.add(listener),
    end: () => (ends += 1),
  };
  const leave = (): void => {
    for (const farewell of farewells) farewell();
  };
  return { client, sent, farewells, leave, ends: () => ends };
}

const reply = (line: string, { backend } = aBackend()): Promise<readonly string[]> =>
  adminHandler(backend)(line, aClient().client);

describe('a line', () => {
  test.each([
    ['!jobs', 'Old count 1'],
    ['  !jobs \t', 'Old count 1'],
    ['!shutdown for the night', 'workerctl watch ends; the workers run on.'],
    ['!want 3 mail', "Now desiring 3 children doing 'mail'."],
    ['!want  007   mail', "Now desiring 7 children doing 'mail'."],
    ['!want mail', "Desiring 2 children doing 'mail'."],
    ['', undefined],
    [' \t', undefined],
    ['jobs', "ERROR: unknown command 'jobs'"],
    ['!Jobs', "ERROR: unknown command '!Jobs'"],
    ['!jobsx', "ERROR: unknown command '!jobsx'"],
    ['! jobs', "ERROR: unknown command '! jobs'"],
    ['!constructor', "ERROR: unknown command '!constructor'"],
    ['POST / HTTP/1.1', 'ERROR: this is not an HTTP server'],
  ])('%j must be understood', async (line, first) => {
    expect((await reply(line))[0]).toBe(first);
  });

  test('may be a message to a worker, which stays as it is', async () => {
    const world = aBackend();
    await reply('!to mail.1 take  a break', world);
    expect(world.asked).toEqual(['to mail.1: take  a break']);
  });

  test.each(['!want', '!want 3', '!want -1', '!want -1 mail', '!want 1.5 mail', '!want 1 mail x'])(
    '%j must be answered with the usage',
    async (line) => {
      expect(await reply(line)).toEqual(['ERROR: usage: !want <count> <jobclass>', '.']);
    },
  );

  test.each(['!to', '!to mail'])('%j must be answered with the usage', async (line) => {
    expect(await reply(line)).toEqual(['ERROR: usage: !to <jobclass> <message>', '.']);
  });

  test('of any kind must be answered, with one end', async () => {
    const line = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'binary' }).map((words) => `!want ${words}`),
      fc.string({ unit: 'binary' }).map((words) => `!to ${words}`),
    );
    await fc.assert(
      fc.asyncProperty(line, async (text) => {
        const lines = await reply(text);
        if (text.trim() === '') expect(lines).toEqual([]);
        else expect(lines.filter((one) => one.trim() === '.')).toEqual([lines.at(-1)]);
        expect(lines.join('')).not.toMatch(/[\r\n\0]/);
      }),
    );
  });
});

describe('!jobs', () => {
  test('must list workers by name and pids by number, with those that drain', async () => {
    expect(await reply('!jobs')).toEqual([
      ...['Old count 1', 'Old desired 0', 'Old pids 77'],
      ...['fsck count 2', 'fsck desired 1', 'fsck pids 9012 10012'],
      ...['mail count 0', 'mail desired 2', 'mail pids', '.'],
    ]);
  });
});

describe('!want', () => {
  test('must pass on the count and say what is desired', async () => {
    const world = aBackend();
    expect(await reply('!want 0 mail', world)).toEqual([
      "Now desiring 0 children doing 'mail'.",
      '.',
    ]);
    expect(world.asked).toEqual(['want 0 mail']);
  });

  test.each([String(maxDesired + 1), '9'.repeat(400)])(
    'of %s must be capped, and say so',
    async (n) => {
      const world = aBackend();
      expect(await reply(`!want ${n} mail`, world)).toEqual([
        "Now desiring 500 children doing 'mail'.",
        '500 is the cap.',
        '.',
      ]);
      expect(world.asked).toEqual(['want 500 mail']);
    },
  );

  test('must say a lower cap of the backend', async () => {
    const want = () => Promise.resolve(8);
    const lines = await reply('!want 9 mail', aBackend({ want }));
    expect(lines).toEqual(["Now desiring 8 children doing 'mail'.", '8 is the cap.', '.']);
  });

  test('of an unknown worker must name the known ones', async () => {
    const world = aBackend();
    const words = ["ERROR: Invalid class 'Old'.  Valid classes: fsck, mail", '.'];
    expect(await reply('!want 1 Old', world)).toEqual(words);
    expect(await reply('!want Old', world)).toEqual(words);
    expect(world.asked).toEqual([]);
  });

  test('that is refused must say only why', async () => {
    const want = () => Promise.reject(new WorkerctlError('failed', 'mail: it is held'));
    expect(await reply('!want 1 mail', aBackend({ want }))).toEqual([
      'ERROR: mail: it is held',
      '.',
    ]);
  });

  test('that cannot be done must say why, and what to do', async () => {
    const error = new WorkerctlError('locked', 'a restart holds the lock', { hint: 'wait' });
    const lines = await reply('!want 1 mail', aBackend({ want: () => Promise.reject(error) }));
    expect(lines).toEqual(['ERROR: a restart holds the lock', 'wait', '.']);
  });

  test('must let a bug pass as an exception', async () => {
    const want = () => Promise.reject(new TypeError('a bug'));
    await expect(reply('!want 1 mail', aBackend({ want }))).rejects.toThrow(TypeError);
  });

  test('without a count must show it', async () => {
    expect(await reply('!want mail')).toEqual(["Desiring 2 children doing 'mail'.", '.']);
  });
});

describe('the others', () => {
  test.each([
    ['!version', ['0.1.0', '.']],
    ['!stats', ['uptime 123', 'passes 40', 'starts 3', '.']],
    ['!to mail hello', ['Message sent to 2 children.', '.']],
    ['!shutdown', ['workerctl watch ends; the workers run on.', '.']],
    ['!recent', ['mail.1: started pid 5841', '..', 'busy with a . faked', '.']],
  ])('%s must be answered with the facts', async (line, lines) => {
    expect(await reply(line)).toEqual(lines);
  });

  test('!queue must say that it sees no queue', async () => {
    expect((await reply('!queue')).join()).toContain('no queue');
  });

  test('an unknown command must be answered with a hint at the help', async () => {
    const help = await reply('!help');
    for (const word of [
      '!version',
      '!recent',
      '!queue',
      '!stats',
      '!watch',
      '!jobs',
      '!to',
      '!want',
    ])
      expect(help.join('\n')).toContain(word);
    expect(await reply('!jbos')).toEqual(["ERROR: unknown command '!jbos'", ...help]);
    expect((await reply('x'.repeat(4000)))[0]?.length).toBeLessThan(120);
  });

  test('a browser must be sent away', async () => {
    const one = aClient();
    await adminHandler(aBackend().backend)('GET / HTTP/1.1', one.client);
    expect(one.ends()).toBe(1);
  });
});

describe('!watch', () => {
  test('must send events, one line each, until it is sent again', async () => {
    const { backend, emit, listeners } = aBackend();
    const handle = adminHandler(backend);
    const one = aClient();
    expect(await handle('!watch', one.client)).toEqual(['Added you to watcher list.', '.']);
    emit('mail.1: ready');
    emit('.\r\n.\u001b[2J');
    expect(await handle('!watch', one.client)).toEqual(['Removed you from watcher list.', '.']);
    emit('not heard');
    expect(one.sent).toEqual([':: mail.1: ready', ':: . . [2J']);
    expect(listeners.size).toBe(0);
  });

  test('must be separate for each client, with one subscription, and end with the client', async () => {
    const { backend, emit, listeners } = aBackend();
    const handle = adminHandler(backend);
    const [one, other] = [aClient(), aClient()];
    await handle('!watch', one.client);
    await handle('!watch', other.client);
    expect(listeners.size).toBe(1);
    one.leave();
    emit('heard by the other');
    expect([one.sent, other.sent]).toEqual([[], [':: heard by the other']]);
    other.leave();
    expect(listeners.size).toBe(0);
  });

  test('on and off many times must leave no subscription behind', async () => {
    const handle = adminHandler(aBackend().backend);
    const one = aClient();
    for (let round = 0; round < 100; round += 1) await handle('!watch', one.client);
    expect(one.farewells.size).toBe(1);
  });
});

test('a line of a reply must never look like its end', () => {
  expect(formatReply(['.', '. ', ' .', '.\n.', '\0.', '.profile', 'a.', ''])).toEqual([
    ...['..', '..', '. .', '.. .', '. .', '..profile', 'a.', '', '.'],
  ]);
});
