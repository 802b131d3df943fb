import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { booted, successor } from '../rig/instance.ts';
import { processAt } from '../rig/kernel.ts';
import { freePort } from '../rig/port.ts';
import { fixture, type Running } from '../rig/programs.ts';
import { createRig, statusOf, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

const idle = { command: fixture('idle') };
const drains = { command: fixture('drains-after-job') };
const sockets = new Set<Socket>();

afterEach(() => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
});

const { version } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { version: string };

const socketOf = (rig: Rig): string => rig.path('.workerctl/control.sock');

/** Starts a watch, and waits until it answers. */
async function watched(rig: Rig, ...args: string[]): Promise<{ running: Running }> {
  const { running } = await watching(rig, ...args);
  return { running };
}

interface Client {
  readonly socket: Socket;
  readonly heard: () => string;
  readonly isClosed: () => boolean;
}

function client(where: string | number): Client {
  const socket = typeof where === 'string' ? connect(where) : connect(where, '127.0.0.1');
  sockets.add(socket);
  let text = '';
  let isClosed = false;
  socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  socket.on('error', () => undefined).on('close', () => (isClosed = true));
  return { socket, heard: () => text, isClosed: () => isClosed };
}

/** What is answered to these lines, one reply each; the connection must end after the last one. */
async function ask(where: string | number, ...lines: string[]): Promise<string[][]> {
  const one = client(where);
  one.socket.end(lines.map((line) => `${line}\n`).join(''));
  await until(`an answer to ${lines.join(', ')}`, one.isClosed);
  const text = one.heard();
  expect(text.replaceAll('\r\n', ''), 'a line that does not end with CRLF').not.toMatch(/[\r\n]/);
  const replies = text.split('\r\n.\r\n');
  expect(replies.pop(), 'what is after the last dot').toBe('');
  return replies.map((reply) => reply.split('\r\n'));
}

const intentOf = (rig: Rig): string => readFileSync(rig.path('.workerctl/state.json'), 'utf8');

test('each command must be answered truly, with CRLF and a dot at the end', async () => {
  const rig = createRig({ mail: { ...idle, count: 2 }, fsck: idle });
  await rig.start();
  await watched(rig);
  await until('the first pass', async () => {
    const [stats] = await ask(socketOf(rig), '!stats');
    return stats?.some((line) => /^passes [1-9]/.test(line)) === true;
  });
  const pid = (name: string): number => rig.instance(name).pid() ?? 0;
  const pids = [pid('mail.1'), pid('mail.2')].sort((a, b) => a - b).join(' ');
  const [jobs, desired, spoken, queue, stats, help, unknown] = await ask(
    socketOf(rig),
    '!jobs',
    '!want mail',
    '!version',
    '!queue',
    '!stats',
    '!help',
    '!jobsx',
  );
  expect(jobs).toEqual([
    'fsck count 1',
    'fsck desired 1',
    `fsck pids ${pid('fsck.1')}`,
    'mail count 2',
    'mail desired 2',
    `mail pids ${pids}`,
  ]);
  expect(desired).toEqual(["Desiring 2 children doing 'mail'."]);
  expect(spoken).toEqual([version]);
  expect(queue?.join()).toMatch(/^workerctl sees no queue/);
  expect(stats?.[0]).toMatch(/^uptime \d+$/);
  expect(stats?.find((line) => line.startsWith('passes '))).toMatch(/^passes [1-9]\d*$/);
  for (const name of [
    'version',
    'recent',
    'queue',
    'stats',
    'watch',
    'jobs',
    'shutdown',
    'to',
    'want',
  ])
    expect(help?.join('\n')).toMatch(new RegExp(`^ +!${name}\\b`, 'm'));
  expect(help?.join(' ')).toContain('at most its max_count');
  expect(unknown?.[0]).toBe("ERROR: unknown command '!jobsx'");
  expect(unknown?.slice(1)).toEqual(help);
});

test('!want must be done at once, and a refused one must change nothing', async () => {
  const rig = createRig({
    mail: { ...drains, max_count: 3 },
    named: { ...idle, identifiers: ['a'] },
  });
  await rig.start();
  await rig.instance('mail.1').giveJob();
  await watched(rig);
  const [grown] = await ask(socketOf(rig), '!want 2 mail');
  expect(grown).toEqual(["Now desiring 2 children doing 'mail'."]);
  await booted(rig.instance('mail.2'));
  const before = intentOf(rig);
  const refused = await ask(
    socketOf(rig),
    '!want 1 mial',
    '!want 2 named',
    '!want',
    '!want 1',
    '!want -1 mail',
    '!want one mail',
    '!want 1 mail fsck',
  );
  expect(refused).toHaveLength(7);
  for (const [first] of refused) expect(first).toMatch(/^ERROR: /);
  expect(refused[0]).toEqual(["ERROR: Invalid class 'mial'.  Valid classes: mail, named"]);
  expect(refused[2]).toEqual(['ERROR: usage: !want <count> <jobclass>']);
  expect(intentOf(rig)).toBe(before);

  const [capped] = await ask(socketOf(rig), '!want 9999 mail');
  expect(capped).toEqual(["Now desiring 3 children doing 'mail'.", '3 is the cap.']);
  await booted(rig.instance('mail.3'));

  // Half of a line is not obeyed; an instance with a job finishes it, and counts meanwhile.
  const half = client(socketOf(rig));
  half.socket.end('!want 0 mail');
  await until('an answer', half.isClosed);
  expect(half.heard()).toBe('ERROR: incomplete line: expected a newline\r\n.\r\n');
  const [none] = await ask(socketOf(rig), '!want 0 mail');
  expect(none).toEqual(["Now desiring 0 children doing 'mail'."]);
  const busy = rig.instance('mail.1').pid();
  await until('the idle ones to exit', async () => {
    const [jobs] = await ask(socketOf(rig), '!jobs');
    return jobs?.includes(`mail pids ${busy}`) === true && jobs.includes('mail count 1');
  });
  rig.instance('mail.1').finishJob();
  await until('the last one to exit', async () => {
    const [jobs] = await ask(socketOf(rig), '!jobs');
    return jobs?.includes('mail count 0');
  });
  expect(rig.instance('mail.1').done()).toEqual([busy]);
});

test('!watch and !recent must print what happens, in the sentences of MogileFS', async () => {
  const rig = createRig({ mail: idle });
  await rig.start();
  await watched(rig);
  const watcher = client(socketOf(rig));
  watcher.socket.write('!watch\r\n');
  await until('its place', () => watcher.heard() === 'Added you to watcher list.\r\n.\r\n');
  const mail = rig.instance('mail.1');
  const old = await booted(mail);
  process.kill(old, 'SIGKILL');
  const pid = await successor(mail, old);
  const told = [`Child ${old} (mail.1) died: 9 (UNEXPECTED)`, String(pid)];
  for (const words of told)
    await until(words, () =>
      watcher
        .heard()
        .split('\r\n')
        .some((line) => line.startsWith(':: ') && line.includes(words)),
    );
  const [recent] = await ask(socketOf(rig), '!recent');
  for (const words of told) expect(recent?.join('\n')).toContain(words);
  watcher.socket.write('!watch\r\n');
  await until('the end', () => watcher.heard().endsWith('Removed you from watcher list.\r\n.\r\n'));
  const length = watcher.heard().length;
  process.kill(pid, 'SIGKILL');
  await successor(mail, pid);
  await ask(socketOf(rig), '!version');
  expect(watcher.heard().length).toBe(length);
});

test('!to must send a signal or write a message, and never ask a worker to stop', async () => {
  const rig = createRig({ mail: { command: fixture('beats'), stop: { signal: 'QUIT' } } });
  await rig.start();
  await watched(rig);
  const mail = rig.instance('mail.1');
  const pid = await booted(mail);
  const [leave, written, nobody] = await ask(
    socketOf(rig),
    '!to mail QUIT',
    '!to mail.1 read your mail',
    '!to mial hello',
  );
  expect(leave?.[0]).toContain('QUIT');
  const path = /(\/[^\s;,]+)/.exec(written?.[0] ?? '')?.[1] ?? '';
  expect(readFileSync(path, 'utf8')).toContain('read your mail');
  expect(nobody?.[0]).toMatch(/^ERROR: .*mial/);
  expect(existsSync(rig.path('mail.1.dumps'))).toBe(false);
  expect(processAt(pid)).toBeDefined();
});

test('!to must send what workerctl signal sends, and nothing else', async () => {
  const handling = ['sh', '-c', 'trap "echo >>dumps" USR1; echo >up; while :; do sleep 0.1; done'];
  const rig = createRig({
    mail: { command: handling, stop: { quiet: 'TSTP' } },
    fsck: { command: ['sleep', '1000'] },
  });
  expect((await rig.workerctl('start')).exitCode).toBe(0);
  await watched(rig);
  await until('the trap', () => existsSync(rig.path('up')));
  const before = ['mail.1', 'fsck.1'].map((name) => rig.instance(name).pid());
  const requests = ['mail USR1', 'fsck USR1', 'mail INT', 'mail TSTP', 'fsck SIGTERM'];
  const replies = await ask(socketOf(rig), ...requests.map((words) => `!to ${words}`));
  expect(replies.map(([line]) => line)).toEqual([
    `mail.1: USR1 was sent to pid ${before[0]}`,
    `fsck.1: pid ${before[1]} gets no signal: it does not handle SIGUSR1, which would end it; to end it: workerctl stop fsck.1`,
    'mail.1: mail: SIGINT ends it; workerctl stop mail does that, and keeps account of it',
    'mail.1: mail: SIGTSTP lets it take no new jobs (stop.quiet); workerctl quiet mail does that, and keeps account of it',
    'fsck.1: fsck: SIGTERM asks it to finish and exit (stop.signal); workerctl stop fsck does that, and keeps account of it',
  ]);
  await until('the signal to arrive', () => existsSync(rig.path('dumps')));
  expect(['mail.1', 'fsck.1'].map((name) => rig.instance(name).pid())).toEqual(before);
  expect(processAt(before[1] ?? 0)).toBeDefined();
});

test('!to must take the targets that commands take, with braces', async () => {
  const rig = createRig({ mail: { ...idle, count: 3, tags: ['slow'] }, fsck: idle });
  await rig.start();
  await watched(rig);
  const wide = '{a,b}'.repeat(20);
  const replies = await ask(
    socketOf(rig),
    '!to mail.{1,3} hello',
    '!to {mail.2,fsck.1} hello',
    '!to mail.[1-2] hello',
    '!to @slow hello',
    '!to mail.{1,4} hello',
    `!to ${wide} hello`,
    '!version',
  );
  const named = replies.map(
    ([reply = '']) => reply.match(/\b(?:mail|fsck)\.\d(?=: written)/g) ?? [],
  );
  expect(named.slice(0, 4)).toEqual([
    ['mail.1', 'mail.3'],
    ['mail.2', 'fsck.1'],
    ['mail.1', 'mail.2'],
    ['mail.1', 'mail.2', 'mail.3'],
  ]);
  expect(replies[4]?.[0]).toMatch(/^ERROR: .*mail\.4/);
  expect(replies[5]?.[0]).toMatch(/^ERROR: .*\{a,b\}/);
  expect(replies[6]).toEqual([version]);
});

test('!shutdown must end watch and leave the workers as they are, and the socket must be gone', async () => {
  const rig = createRig({ mail: idle });
  await rig.start();
  const { running } = await watched(rig);
  const pid = await booted(rig.instance('mail.1'));
  expect(statSync(socketOf(rig)).mode & 0o777).toBe(0o600);
  const [said] = await ask(socketOf(rig), '!shutdown');
  expect(said).toEqual(['workerctl watch is ending; the workers keep running']);
  expect((await running).exitCode).toBe(0);
  expect(existsSync(socketOf(rig))).toBe(false);
  expect(processAt(pid)).toBeDefined();
  expect(rig.instance('mail.1').terms()).toEqual([]);
});

test('!shutdown must stop the workers first with --stop-on-exit, and say so', async () => {
  const rig = createRig({ mail: idle });
  await rig.start();
  const { running } = await watched(rig, '--stop-on-exit');
  const [said] = await ask(socketOf(rig), '!shutdown');
  expect(said?.[0]).toMatch(/the workers are stopped before, each after its job$/);
  expect((await running).exitCode).toBe(0);
  expect(await statusOf(rig)).toMatchObject({ up: 0 });
});

/** A port that nobody has; another one may take it before we do. */

test('a port must be open only if it was asked for, and for this host only unless --listen-unsafe is given', async () => {
  const rig = createRig({ mail: idle });
  await rig.start();
  for (const address of ['0.0.0.0:7001', '10.1.2.3:7001', '[::]:7001', 'example.com:7001']) {
    const { exitCode, all } = await rig.workerctl('watch', '--listen', address);
    expect({ address, exitCode }, all).toEqual({ address, exitCode: 2 });
    expect(all).toContain('--listen');
  }
  expect((await rig.workerctl('watch', '--listen', '127.0.0.1:99999')).exitCode).toBe(2);
  expect(existsSync(socketOf(rig))).toBe(false);

  const port = await freePort();
  const { running } = await watched(rig, '--listen', `0.0.0.0:${port}`, '--listen-unsafe');
  expect((await ask(port, '!version'))[0]).toEqual([version]);
  const browser = client(port);
  browser.socket.write('POST / HTTP/1.1\r\nHost: x\r\n\r\n!want 0 mail\r\n');
  await until('it to be hung up on', browser.isClosed);
  expect(browser.heard()).toMatch(/^ERROR: .*HTTP.*\r\n\.\r\n$/);
  expect((await ask(port, '!want mail'))[0]).toEqual(["Desiring 1 children doing 'mail'."]);
  running.kill('SIGTERM');
  expect((await running).exitCode).toBe(0);
});

test('200 clients, half of which never read, must not keep watch from its work', async () => {
  const rig = createRig({ mail: { ...idle, count: 2 } });
  await rig.start();
  const { running } = await watched(rig);
  const clients = Array.from({ length: 200 }, () => client(socketOf(rig)));
  clients.forEach(({ socket }, index) => {
    if (index % 2 === 0) socket.pause();
    socket.write('!watch\n');
    for (let times = 0; times < 5; times += 1) socket.write('!help\n!recent\n!jobs\n'.repeat(20));
  });
  const readers = clients.filter((_, index) => index % 2 === 1);
  for (const round of [1, 2]) {
    const mail = rig.instance('mail.1');
    const old = await booted(mail);
    process.kill(old, 'SIGKILL');
    expect(await successor(mail, old), `round ${round}`).not.toBe(old);
  }
  await until('those who read to be told', () =>
    readers.every((one) => one.heard().includes('Child ')),
  );
  expect((await ask(socketOf(rig), '!version'))[0]).toEqual([version]);
  running.kill('SIGTERM');
  expect((await running).exitCode).toBe(0);
  expect(readdirSync(rig.path('.workerctl')).filter((file) => file.startsWith('control'))).toEqual(
    [],
  );
});

test('a socket that was left behind must be replaced, and any other file be left alone', async () => {
  const rig = createRig({ mail: idle });
  await rig.start();
  const first = await watched(rig);
  first.running.kill('SIGKILL');
  await first.running;
  expect(existsSync(socketOf(rig))).toBe(true);
  const second = await watched(rig);
  expect((await ask(socketOf(rig), '!version'))[0]).toEqual([version]);
  expect((await rig.workerctl('watch')).exitCode).toBe(75);
  second.running.kill('SIGTERM');
  await second.running;
  writeFileSync(socketOf(rig), 'precious');
  expect((await rig.workerctl('watch')).exitCode).toBe(73);
  expect(readFileSync(socketOf(rig), 'utf8')).toBe('precious');
});

test('!jobs must answer while state.json and its copy are damaged, and !health say that', async () => {
  const rig = createRig({ mail: { ...idle, count: 2 } });
  await rig.start();
  await watched(rig);
  for (const name of ['state.json', 'state.copy']) writeFileSync(`${rig.stateDir}/${name}`, 'x');
  await until('a watch that says so', async () => {
    const [health] = await ask(socketOf(rig), '!health');
    return health?.[0]?.startsWith('ERROR: for ') === true;
  });
  const [jobs, health, want] = await ask(socketOf(rig), '!jobs', '!health', '!want 3 mail');
  expect(jobs?.slice(0, 2)).toEqual(['mail count 2', 'mail desired 2']);
  expect(health?.[0]).toMatch(/state\.json is damaged/);
  expect(want?.[0]).toMatch(/^ERROR: .*state\.json is damaged/);
});
