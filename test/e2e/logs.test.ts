import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { booted } from '../rig/instance.ts';
import { openFiles, processAt } from '../rig/kernel.ts';
import { fixture, isRoot } from '../rig/programs.ts';
import { createRig, statesOf, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

const counts = { command: fixture('counts') };
const idle = { command: fixture('idle') };

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

/** All that a worker has written, the oldest file first. */
function wholeLog(rig: Rig, name: string): string {
  const path = rig.path(`log/${name}.log`);
  let text = readOr(path, '');
  for (let number = 1; existsSync(`${path}.${number}`); number += 1)
    text = readFileSync(`${path}.${number}`, 'utf8') + text;
  return text;
}

/** The first number that is not in its turn; undefined: each is there once, in order. */
function firstWrong(lines: readonly string[]): string | undefined {
  return lines.find((line, index) => line !== String(index));
}

const linesOf = (text: string): string[] => text.trimEnd().split('\n');

/** Whether the file system can cut a file at its front; elsewhere a line may be lost, and that is said. */
const wasTruncated = (rig: Rig): boolean => existsSync(rig.path('.workerctl/rotate.told'));

test('a log must be rotated 20 times while its worker writes, and every line be there once, in order', async () => {
  const rig = createRig({ mail: { ...counts, log: { max_size: '64KB', keep: 1000 } } });
  await rig.start();
  const path = rig.path('log/mail.1.log');
  for (let round = 0; round < 20; round += 1) {
    await until('the log to be too long', () => sizeOf(path) > 64 * 1024);
    const { exitCode, all } = await rig.workerctl('bootcheck');
    expect(exitCode).toBe(0);
    if (!wasTruncated(rig)) expect(all, 'cron would mail it').toBe('');
    expect(sizeOf(`${path}.1`), `round ${round}`).toBeGreaterThan(60_000);
  }
  await rig.workerctl('stop');
  expect(existsSync(`${path}.20`)).toBe(true);
  if (wasTruncated(rig)) return;
  expect(firstWrong(linesOf(wholeLog(rig, 'mail.1')))).toBeUndefined();
});

test('watch must rotate logs as well', async () => {
  const rig = createRig({ mail: { ...counts, log: { max_size: '64KB' } } });
  await rig.start();
  await until('the log to be too long', () => sizeOf(rig.path('log/mail.1.log')) > 64 * 1024);
  const watch = await watching(rig);
  await watch.reports('log_rotated', { instance: 'mail.1', log_file: rig.path('log/mail.1.log') });
  expect(sizeOf(rig.path('log/mail.1.log.1'))).toBeGreaterThan(60_000);
});

test('bootcheck killed behind any effect of a rotation must lose no line', async () => {
  for (let dieAfter = 1; ; dieAfter += 1) {
    const rig = createRig({ mail: { ...counts, log: { max_size: '64KB', keep: 1000 } } });
    await rig.start();
    await until('the log to be too long', () => sizeOf(rig.path('log/mail.1.log')) > 64 * 1024);
    const dying = { WORKERCTL_TEST_DIE_AFTER: String(dieAfter) };
    const { signal } = await rig.workerctlWith(dying, 'bootcheck');
    const next = await rig.workerctl('bootcheck');
    expect(next).toMatchObject({ exitCode: 0 });
    await rig.workerctl('stop');
    // At worst a piece is there twice: each number comes in its turn, whatever is repeated before it.
    let turn = 0;
    const lines = linesOf(wholeLog(rig, 'mail.1'));
    for (const line of lines) if (line === String(turn)) turn += 1;
    if (!wasTruncated(rig)) expect(String(turn - 1), `died after ${dieAfter}`).toBe(lines.at(-1));
    if (signal !== 'SIGKILL') return;
  }
});

test('a log that is too long must be put aside whole before a start, with where the new process begins right', async () => {
  const up = { log: '^up$', timeout: '5s' };
  const rig = createRig({
    mail: {
      command: ['sh', '-c', 'echo no; exec sleep 100'],
      log: { max_size: '64KB' },
      ready: up,
    },
  });
  mkdirSync(rig.path('log'));
  writeFileSync(rig.path('log/mail.1.log'), `up\n${'x'.repeat(70_000)}\nup\n`);
  await rig.workerctl('start', '--no-wait');
  expect(readFileSync(rig.path('log/mail.1.log.1'), 'utf8')).toContain('up\n');
  await until('its line', () => readOr(rig.path('log/mail.1.log'), '') === 'no\n');
  expect(await statesOf(rig), "the predecessor's line must not count").toEqual(['mail.1 starting']);
});

test('readiness by log must survive a rotation', async () => {
  const script =
    'trap "exit 0" TERM; head -c 70000 /dev/zero | tr "\\0" x; echo; echo up; while :; do sleep 1; done';
  const rig = createRig({
    mail: {
      command: ['sh', '-c', script],
      log: { max_size: '64KB' },
      ready: { log: '^up$', timeout: '20s' },
    },
  });
  expect(await rig.workerctl('start')).toMatchObject({ exitCode: 0 });
  await rig.workerctl('bootcheck');
  expect(sizeOf(rig.path('log/mail.1.log.1'))).toBeGreaterThan(60_000);
  expect((await rig.workerctl('status')).exitCode).toBe(0);
});

test('a logger must get all lines, also when it is killed again and again, and end with its worker', async () => {
  // It kills itself as by kill -9, with no line in hand.
  const logger =
    'n=0; while IFS= read -r line; do printf "%%s\\n" "$line" >>out; n=$((n + 1)); [ $n -lt 2000 ] || kill -9 $$; done';
  const rig = createRig({ mail: { ...counts, log: { command: ['sh', '-c', logger] } } });
  await rig.start();
  const mail = rig.instance('mail.1');
  const pid = await booted(mail);
  const deaths = (): number => mail.log().match(/status 137/g)?.length ?? 0;
  await until('two deaths of the logger', () => deaths() >= 2);
  expect(mail.processes()).toEqual([pid]);
  const files = [...openFiles(pid)].filter(([fd]) => fd > 2);
  expect(files.map(([, file]) => file).filter((file) => file.includes('fifo'))).toEqual([]);
  expect(existsSync(rig.path('.workerctl/mail.1.fifo'))).toBe(false);
  expect(await rig.workerctl('stop')).toMatchObject({ exitCode: 0 });
  const isAtWork = (): boolean =>
    readdirSync('/proc').some(
      (each) =>
        /^\d+$/.test(each) &&
        readOr(`/proc/${each}/cmdline`, '').includes('logger.sh') &&
        readOr(`/proc/${each}/environ`, '').includes(rig.folder) &&
        processAt(Number(each)) !== undefined,
    );
  await until('the logger to end by itself', () => !isAtWork());
  const ownWords = linesOf(mail.log()).filter((line) => !line.startsWith('workerctl: '));
  const lines = [
    ...linesOf(readFileSync(rig.path('out'), 'utf8')),
    ...ownWords.filter((line) => /^\d+$/.test(line)),
  ];
  expect(firstWrong(lines)).toBeUndefined();
  expect(lines.length).toBeGreaterThan(4_000);
});

test('a missing logger must fail the start with a message, and cost no running worker', async () => {
  const rig = createRig({ mail: { ...idle, log: { command: 'no-such-logger -x' } } });
  const { exitCode, all } = await rig.workerctl('start');
  expect(exitCode).toBe(1);
  expect(all).toContain('no-such-logger');
  expect(rig.instance('mail.1').processes()).toEqual([]);
  expect((await rig.workerctl('check')).stderr).toMatch(/log\.command.*no-such-logger/);
});

test('if a worker with a logger dies at once, the report must name the logger', async () => {
  const rig = createRig({
    mail: {
      command: ['sh', '-c', 'echo bad; exit 3'],
      log: { command: ['sh', '-c', 'cat >>out'] },
      ready: { after: '20s' },
    },
  });
  const { of } = await rig.act('start');
  expect(of('start_failed')).toMatchObject([
    { logger: expect.stringContaining('cat >>out') as string },
  ]);
  await until('the logger to write its line', () => readOr(rig.path('out'), '') === 'bad\n');
});

test('logs must show the last lines of each, in order of time, with their instance', async () => {
  const rig = createRig({ mail: { ...idle, count: 2 }, img: idle });
  mkdirSync(rig.path('log'));
  writeFileSync(rig.path('log/mail.1.log'), '2026-01-15T12:00:01Z a\n2026-01-15T12:00:04Z d\n');
  writeFileSync(
    rig.path('log/mail.2.log'),
    '2026-01-15T12:00:02Z b\n  more of b\n2026-01-15T12:00:03Z c',
  );
  const { exitCode, stdout, stderr } = await rig.workerctl('logs');
  expect(exitCode).toBe(0);
  expect(linesOf(stdout)).toEqual([
    'mail.1 | 2026-01-15T12:00:01Z a',
    'mail.2 | 2026-01-15T12:00:02Z b',
    'mail.2 |   more of b',
    'mail.2 | 2026-01-15T12:00:03Z c',
    'mail.1 | 2026-01-15T12:00:04Z d',
  ]);
  expect(stderr).toMatch(/^workerctl: .*img\.1/);
  expect(stderr).toContain(rig.path('log/img.1.log'));
  expect((await rig.workerctl('logs', '-n', '1', 'mail.1')).stdout).toBe(
    'mail.1 | 2026-01-15T12:00:04Z d',
  );
  const json = await rig.workerctl('logs', '-n1', 'mail.2', '--json');
  expect(JSON.parse(json.stdout.split('\n')[0] ?? '')).toMatchObject({
    instance: 'mail.2',
    line: '2026-01-15T12:00:03Z c',
  });
});

test('logs must pass bytes on to a pipe as they are', async () => {
  const rig = createRig({ mail: idle });
  mkdirSync(rig.path('log'));
  writeFileSync(rig.path('log/mail.1.log'), Buffer.from([0x00, 0xff, 0x1b, 0x5b, 0x41, 0x0a]));
  const { stdout } = await rig.shell('workerctl logs | od -An -tx1');
  expect(stdout.trim()).toBe('6d 61 69 6c 2e 31 20 7c 20 00 ff 1b 5b 41 0a');
});

test('logs must name a log that cannot be read, and show the others', async () => {
  const rig = createRig({ mail: { ...idle, count: 2 } });
  mkdirSync(rig.path('log/mail.1.log'), { recursive: true });
  writeFileSync(rig.path('log/mail.2.log'), 'a\n');
  const { exitCode, stdout, stderr } = await rig.workerctl('logs');
  expect([exitCode, stdout]).toEqual([1, 'mail.2 | a']);
  expect(stderr).toContain('mail.1');
});

test.runIf(!isRoot)('logs must name a log that is not ours to read', async () => {
  const rig = createRig({ mail: idle });
  mkdirSync(rig.path('log'));
  writeFileSync(rig.path('log/mail.1.log'), 'a\n');
  chmodSync(rig.path('log/mail.1.log'), 0);
  expect((await rig.workerctl('logs')).stderr).toContain('mail.1');
});

test('logs -f must follow rotation, restart and new instances, and end with 130 when it is interrupted', async () => {
  const rig = createRig({ mail: { ...counts, log: { max_size: '64KB', keep: 1000 } }, img: idle });
  await rig.start();
  const path = rig.path('log/mail.1.log');
  const following = rig.workerctl('logs', '-f', '-n', '0');
  const shown: number[] = [];
  let hasLate = false;
  createInterface({ input: following.stdout }).on('line', (line) => {
    const [, number] = /^mail\.1 +\| (\d+)$/.exec(line) ?? [];
    if (number !== undefined) shown.push(Number(number));
    if (/^img\.1 +\| late$/.test(line)) hasLate = true;
  });
  await until('the first lines', () => shown.length > 0);
  for (let round = 0; round < 3; round += 1) {
    await until('the log to be too long', () => sizeOf(path) > 64 * 1024);
    await rig.workerctl('bootcheck');
  }
  const first = await booted(rig.instance('mail.1'));
  expect(await rig.workerctl('restart', 'mail')).toMatchObject({ exitCode: 0 });
  const second = await booted(rig.instance('mail.1'));
  expect(second).not.toBe(first);
  await until('the lines of the new process', () => shown.includes(0));
  appendFileSync(rig.path('log/img.1.log'), 'late\n');
  await until('a line of another log', () => hasLate);
  following.kill('SIGINT');
  const { exitCode } = await following;
  expect(exitCode).toBe(130);
  if (wasTruncated(rig)) return;
  const jumps = shown.filter((number, i) => i > 0 && number !== (shown[i - 1] ?? 0) + 1);
  expect(jumps, 'each line once, in order, of both processes').toEqual([0]);
});

test('logs -f must end when its reader exits, though no line comes any more', async () => {
  const rig = createRig({ mail: idle });
  mkdirSync(rig.path('log'));
  writeFileSync(rig.path('log/mail.1.log'), 'a\nb\n');
  const { stdout, exitCode } = await rig.shell('workerctl logs -f | head -n 1');
  expect([exitCode, stdout]).toEqual([0, 'mail.1 | a']);
});

test('logs must say where the output of a worker with a logger goes', async () => {
  const rig = createRig({ mail: { ...idle, log: { command: ['sh', '-c', 'cat >>out-%i'] } } });
  expect((await rig.workerctl('logs')).stderr).toMatch(/mail\.1.*cat >>out-1/);
});

test('logs must refuse what it does not understand', async () => {
  const rig = createRig({ mail: idle });
  expect((await rig.workerctl('logs', '-n', '-1')).exitCode).toBe(2);
  expect((await rig.workerctl('logs', 'nobody')).exitCode).toBe(2);
});

test('logs must show what was written between two times, at a level, with a pattern; JSON and rotated logs included', async () => {
  const rig = createRig({ mail: idle, img: idle });
  mkdirSync(rig.path('log'));
  const ago = (seconds: number): Date => new Date(Date.now() - seconds * 1000);
  writeFileSync(
    rig.path('log/mail.1.log.1'),
    `${ago(7200).toISOString()} ERROR old\n${ago(600).toISOString()} ERROR rotated\n  at a\n`,
  );
  writeFileSync(rig.path('log/mail.1.log'), `${ago(60).toISOString()} INFO job 212 done\n`);
  const pino = (level: number, at: Date, msg: string): string =>
    `${JSON.stringify({ level, time: at.getTime(), msg })}\n`;
  writeFileSync(rig.path('log/img.1.log'), pino(30, ago(90), 'a') + pino(50, ago(30), 'b'));
  const shown = async (...words: string[]): Promise<string[]> => {
    const { stdout, stderr, exitCode } = await rig.workerctl('logs', ...words);
    expect([exitCode, stderr], words.join(' ')).toEqual([0, '']);
    return stdout === ''
      ? []
      : linesOf(stdout).map((line) => line.replace(/^(\w+).*[ "](\w+)\W*$/, '$1 $2'));
  };
  expect(await shown('--since', '1h')).toEqual([
    ...['mail rotated', 'mail a', 'img a', 'mail done', 'img b'],
  ]);
  expect(await shown('--since', '1h', '--until', '45s')).not.toContain('img b');
  expect(await shown('--level', 'error')).toEqual(['mail old', 'mail rotated', 'mail a', 'img b']);
  expect(await shown('--grep', 'job 21[0-9]')).toEqual(['mail done']);
  expect(await shown('--level', 'error', '-n', '1', 'mail')).toEqual(['mail a']);
  expect(await shown('--since', '1s')).toEqual([]);
  const json = await rig.workerctl('logs', '--json', '--level', 'error', 'img');
  const [line = ''] = json.stdout.split('\n');
  expect(JSON.parse(line)).toMatchObject({ instance: 'img.1', stream: 'output', level: 'error' });
  const timed = await rig.workerctl('logs', '-t', '-n1', 'img');
  expect(timed.stdout).toMatch(/^img\.1 \| \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \{/);
  expect((await rig.workerctl('logs', '--raw', '-n1', 'img')).stdout).toMatch(/^\{"level":50/);
});

test('logs must say if the lines of a log tell neither when nor how much', async () => {
  const rig = createRig({ mail: idle });
  mkdirSync(rig.path('log'));
  writeFileSync(rig.path('log/mail.1.log'), 'hello\n');
  for (const words of [
    ['--since', '1h'],
    ['--level', 'error'],
    ['--until', '1s'],
  ]) {
    const { exitCode, stdout, stderr } = await rig.workerctl('logs', ...words);
    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr).toContain(rig.path('log/mail.1.log'));
  }
});

test('logs must refuse patterns that could take forever, and what contradicts itself', async () => {
  const rig = createRig({ mail: idle });
  mkdirSync(rig.path('log'));
  writeFileSync(rig.path('log/mail.1.log'), `${'a'.repeat(60_000)}!\n`);
  for (const words of [
    ['--grep', '(?=a)b'],
    ['--grep', '('],
    ['--grep', '(a)\\1'],
    ['--level', 'loud'],
    ['--since', 'yesterday'],
    ['--until', '1h', '-f'],
    ['--raw', '--json'],
    ['--raw', '-t'],
  ])
    expect((await rig.workerctl('logs', ...words)).exitCode, words.join(' ')).toBe(2);
  for (const endless of ['(a+)+$', 'a*a*a*b', '(a|a)*$'])
    expect((await rig.workerctl('logs', '--grep', endless)).exitCode).toBe(0);
});

test('events must end with the time that --until names', async () => {
  const rig = createRig({ mail: idle });
  await rig.start();
  expect((await rig.workerctl('events', '--until', '1h')).stdout).toBe('');
  expect((await rig.workerctl('events', '--until', '0s')).stdout).toContain('mail.1');
  expect((await rig.workerctl('events', '--until', '1h', '-f')).exitCode).toBe(2);
});

test('logs -f must filter new lines too, with the time at which those came that have none', async () => {
  const rig = createRig({ mail: idle });
  mkdirSync(rig.path('log'));
  const path = rig.path('log/mail.1.log');
  writeFileSync(path, '');
  const following = rig.workerctl('logs', '-f', '-t', '-n0', '--grep', 'hit');
  const shown: string[] = [];
  createInterface({ input: following.stdout }).on('line', (line) => shown.push(line));
  await until('a line of a worker that writes no times', () => {
    appendFileSync(path, 'miss\nhit\n');
    return shown.length > 0;
  });
  following.kill('SIGINT');
  expect((await following).exitCode).toBe(130);
  for (const line of shown) expect(line).toMatch(/^mail\.1 \| \d{4}-\d\d-\d\d [\d:.]{12} hit$/);
});
