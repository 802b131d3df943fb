import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import type { Launch } from '../../../src/core/model/launch.ts';
import type { ProcessRecord } from '../../../src/core/model/record.ts';
import { durationOf, momentOf } from '../../../src/core/basics/time.ts';
import {
  createReadinessProbe,
  probeOnce,
  type CommandLimits,
  type ReadinessProbe,
  type ReadinessQuestion,
} from '../../../src/host/worker/readiness-probe.ts';
import { useScratch } from '../../rig/scratch.ts';
import { isAlive, look } from '../../rig/kernel.ts';
import { until } from '../../rig/wait.ts';

const scratch = useScratch();
const timeout = durationOf(60_000);
const startedAt = momentOf(1_700_000_000_000);
const logPath = (): string => scratch.path('mail.log');

const probes: ReadinessProbe[] = [];
afterEach(() => {
  for (const probe of probes.splice(0)) probe.dispose();
});

function newProbe(limits: Partial<CommandLimits> = {}): ReadinessProbe {
  const none = { timeout: durationOf(10_000), interval: durationOf(0) };
  const probe = createReadinessProbe({ ...none, ...limits });
  probes.push(probe);
  return probe;
}

function question(
  readiness: ReadinessQuestion['readiness'],
  record: Partial<ProcessRecord> = {},
  launch: Partial<Launch> = {},
): ReadinessQuestion {
  const path = logPath();
  return {
    readiness,
    record: {
      pid: 4711,
      startTime: 1,
      bootId: 'boot',
      instance: 'mail.1',
      runId: 'first',
      shimPid: 0,
      startedAt,
      commandDigest: '',
      stopSignal: 'TERM',
      log: { path, offset: 0 },
      ...record,
    },
    launch: {
      instance: 'mail.1',
      command: ['true'],
      directory: scratch.folder(),
      env: { SCRATCH: scratch.folder() },
      envFiles: [],
      passEnv: [],
      pidfile: scratch.path('mail.pid'),
      logFile: path,
      umask: '022',
      limits: '',
      nice: 0,
      noNewPrivs: false,
      oomScoreAdj: 0,
      stopSignal: 'TERM',
      ...launch,
    },
  };
}

describe('by its log', () => {
  const byLog = (pattern = 'ready', offset = 0, runId = 'first'): ReadinessQuestion =>
    question({ kind: 'log', pattern, timeout }, { runId, log: { path: logPath(), offset } });
  const log = (text: string): void => {
    writeFileSync(logPath(), text);
  };
  const append = (text: string): void => {
    appendFileSync(logPath(), text);
  };
  const isReady = (text: string, pattern: string): boolean => {
    log(text);
    return newProbe().isReady(byLog(pattern));
  };

  test('must be ready after the line is written, and stay so', () => {
    const probe = newProbe();
    expect(probe.isReady(byLog())).toBe(false);
    log('starting\n');
    expect(probe.isReady(byLog())).toBe(false);
    append('ready\n');
    expect(probe.isReady(byLog())).toBe(true);
    log('');
    expect(probe.isReady(byLog())).toBe(true);
  });

  test.each([
    ['a\nready', '^ready$'],
    ['a\r\nready\r\nb\r\n', '^ready$'],
    ['listening on 80\n', 'on (80|443)'],
    ['a\n\nb\n', '^$'],
  ])('%j must match %j', (text, pattern) => {
    expect(isReady(text, pattern)).toBe(true);
  });

  test.each([
    ['not ready\n', '^ready$'],
    ['listening\non 80\n', 'listening\\son'],
    ['a\n', '^$'],
    ['', ''],
    ['', '^$'],
  ])('%j must not match %j', (text, pattern) => {
    expect(isReady(text, pattern)).toBe(false);
  });

  test('lines from before its start must not count', () => {
    log('ready\n');
    const probe = newProbe();
    expect(probe.isReady(byLog('ready', 6))).toBe(false);
    append('ready\n');
    expect(probe.isReady(byLog('ready', 6))).toBe(true);
  });

  test('the offset must be in bytes', () => {
    log('grüße\nready\n');
    expect(newProbe().isReady(byLog('^ready', 8))).toBe(true);
    expect(newProbe().isReady(byLog('ready', 9))).toBe(false);
  });

  test('a line that is written in parts must be put together, also within a character', () => {
    const probe = newProbe();
    for (const byte of Buffer.from('it is bereit für alles')) {
      expect(probe.isReady(byLog('^it is bereit für alles$'))).toBe(false);
      appendFileSync(logPath(), Buffer.from([byte]));
    }
    expect(probe.isReady(byLog('^it is bereit für alles$'))).toBe(true);
  });

  test('no text must be read twice', () => {
    const probe = newProbe();
    log('starting\n');
    expect(probe.isReady(byLog())).toBe(false);
    log('ready!!!\n'); // as long
    expect(probe.isReady(byLog())).toBe(false);
  });

  test('another run must be searched from its own offset', () => {
    const probe = newProbe();
    log('ready\n');
    expect(probe.isReady(byLog())).toBe(true);
    expect(probe.isReady(byLog('ready', 6, 'second'))).toBe(false);
    append('ready\n');
    expect(probe.isReady(byLog('ready', 6, 'second'))).toBe(true);
  });

  test('a log that was emptied must be read from its beginning', () => {
    log('ready\n');
    expect(newProbe().isReady(byLog('ready', 5_000))).toBe(true);
    const probe = newProbe();
    log('x'.repeat(100));
    expect(probe.isReady(byLog('^ready'))).toBe(false);
    truncateSync(logPath(), 0);
    append('ready\n');
    expect(probe.isReady(byLog('^ready'))).toBe(true);
  });

  test('a huge log must be read 8 MiB at a time', () => {
    const probe = newProbe();
    log(`${'x'.repeat(1023)}\n`.repeat(9 * 1024));
    append('ready\n');
    expect(probe.isReady(byLog('^ready$'))).toBe(false);
    expect(probe.isReady(byLog('^ready$'))).toBe(true);
  });

  test.each([64 * 1024 - 3, 64 * 1024, 64 * 1024 + 3])(
    'a line must be whole if a chunk ends near byte %i',
    (before) => {
      const text = `${'x'.repeat(before - 1)}\nit is ready now\n`;
      expect(isReady(text, '^it is ready now$')).toBe(true);
      expect(isReady(text, '^it is$')).toBe(false);
    },
  );

  test('the first 4 kB of a line must be searched, however long it is', () => {
    expect(isReady(`ready ${'x'.repeat(300_000)}\n`, 'ready')).toBe(true);
    expect(isReady(`${'x'.repeat(4000)} ready ${'x'.repeat(150_000)}`, 'ready')).toBe(true);
    expect(isReady(`${'x'.repeat(4096)}ready\n`, 'ready')).toBe(false);
    expect(isReady(`${'x'.repeat(300_000)}\nready\n`, '^ready$')).toBe(true);
  });

  test('a pattern that never ends must not hold up a look', () => {
    const startedAt = performance.now();
    expect(isReady(`${'a'.repeat(4000)}!\n`.repeat(200), '(a+)+$')).toBe(false);
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });

  test('a directory or a FIFO must neither be ready nor block', () => {
    mkdirSync(logPath());
    expect(newProbe().isReady(byLog())).toBe(false);
    const path = scratch.path('fifo');
    spawnSync('mkfifo', [path]);
    const asked = question(
      { kind: 'log', pattern: 'ready', timeout },
      { log: { path, offset: 0 } },
    );
    expect(newProbe().isReady(asked)).toBe(false);
  });
});

describe('by a file', () => {
  test('must be ready if it was written since the start, give or take a tick', () => {
    const path = scratch.path('ready');
    const asked = question({ kind: 'file', path, timeout });
    const probe = newProbe();
    expect(probe.isReady(asked)).toBe(false);
    writeFileSync(path, '');
    const writtenAfter = (ms: number): boolean => {
      const seconds = (startedAt + ms) / 1000;
      utimesSync(path, seconds, seconds);
      return probe.isReady(asked);
    };
    expect([-1000, -12, -8, 0, 1000].map(writtenAfter)).toEqual([false, false, true, true, true]);
  });

  test('must not be ready if the file cannot be seen', () => {
    const path = `${scratch.write('file', '')}/ready`;
    expect(newProbe().isReady(question({ kind: 'file', path, timeout }))).toBe(false);
  });
});

const byCommand = (
  command: readonly string[],
  record: Partial<ProcessRecord> = {},
  launch: Partial<Launch> = {},
): ReadinessQuestion => question({ kind: 'command', command, timeout }, record, launch);

const byShell = (script: string, record: Partial<ProcessRecord> = {}): ReadinessQuestion =>
  byCommand(['/bin/sh', '-c', script], record);

const textOf = (name: string): string =>
  existsSync(scratch.path(name)) ? readFileSync(scratch.path(name), 'utf8') : '';

/** A command that reports its pids and does not end. */
const goesOn = 'sleep 1000 & echo "$$ $!" >>pids; wait';
const pidsOf = (): number[] => textOf('pids').trim().split(/\s/).map(Number);
const runs = (): Promise<unknown> => until('the command', () => textOf('pids').endsWith('\n'));
const bothEnd = (): Promise<unknown> =>
  until('the end of both', () => !pidsOf().some((pid) => isAlive(pid)));

describe('by a command', () => {
  test('must be ready at a look after its end, and stay so without another command', async () => {
    const asked = byShell('echo x >>runs');
    const probe = newProbe();
    expect(probe.isReady(asked)).toBe(false);
    await until('ready', () => probe.isReady(asked));
    expect(probe.isReady(asked)).toBe(true);
    expect(textOf('runs')).toBe('x\n');
    expect(probe.problemOf('first')).toBeUndefined();
  });

  test('must be run again until it succeeds', async () => {
    const asked = byShell('echo x >>runs; test "$(wc -l <runs)" -eq 3');
    const probe = newProbe();
    await until('ready', () => probe.isReady(asked));
    expect(textOf('runs')).toBe('x\nx\nx\n');
  });

  test('must be run again for another run of the instance', async () => {
    const script = 'echo "$WORKERCTL_PID" >>runs';
    const probe = newProbe();
    await until('ready', () => probe.isReady(byShell(script, { pid: 11 })));
    const second = byShell(script, { runId: 'second', pid: 12 });
    expect(probe.isReady(second)).toBe(false);
    await until('ready', () => probe.isReady(second));
    expect(textOf('runs')).toBe('11\n12\n');
  });

  test('must not be started before its interval is over', async () => {
    const asked = byShell('echo x >>runs; exit 1');
    const probe = newProbe({ interval: durationOf(1_000_000) });
    await until('a problem', () => {
      probe.isReady(asked);
      return probe.problemOf('first');
    });
    expect(probe.isReady(asked)).toBe(false);
    expect(
      probe.isReady(byShell('echo y >>runs; exit 1', { instance: 'mail.2', runId: 'b' })),
    ).toBe(false);
    await until('that of another', () => probe.problemOf('b'));
    expect(textOf('runs')).toBe('x\ny\n');
  });

  test('must run once every half second by default', async () => {
    const asked = byShell('echo x >>runs; exit 1');
    const probe = createReadinessProbe();
    probes.push(probe);
    const begun = performance.now();
    await until('two runs', () => {
      probe.isReady(asked);
      return textOf('runs') === 'x\nx\n';
    });
    expect(performance.now() - begun).toBeGreaterThanOrEqual(500);
  });

  test('must not be started while it runs', async () => {
    const asked = byShell(goesOn);
    const probe = newProbe();
    expect(probe.isReady(asked)).toBe(false);
    await runs();
    for (let looks = 0; looks < 5; looks += 1) expect(probe.isReady(asked)).toBe(false);
    expect(pidsOf()).toHaveLength(2);
  });

  test('must have the worker’s directory and environment, and the instance’s name and pid', async () => {
    const record = { instance: 'mail.7', pid: 815 };
    const script = 'pwd -P >seen; env >>seen; test -t 0 || readlink /proc/$$/fd/0 >>seen';
    const asked = byCommand(['/bin/sh', '-c', script], record, { env: { A: 'b c' } });
    const probe = newProbe();
    await until('ready', () => probe.isReady(asked));
    const seen = textOf('seen').split('\n');
    expect(seen[0]).toBe(realpathSync(scratch.folder()));
    expect(seen).toEqual(
      expect.arrayContaining([
        'A=b c',
        'WORKERCTL_INSTANCE=mail.7',
        'WORKERCTL_PID=815',
        'LANG=C.UTF-8',
        '/dev/null',
      ]),
    );
    expect(seen.filter((line) => line.startsWith('VITEST'))).toEqual([]);
  });

  test('must be killed with everything that it has started if it takes too long', async () => {
    const probe = newProbe({ timeout: durationOf(1_000), interval: durationOf(1_000_000) });
    expect(probe.isReady(byShell(goesOn))).toBe(false);
    await until('a problem', () => probe.problemOf('first'));
    expect(probe.problemOf('first')).toBe('did not end within 1s and was killed');
    await bothEnd();
  });

  test.each(['dispose', 'another start'])('must be killed by %s', async (by) => {
    const probe = newProbe({ timeout: durationOf(1_000_000) });
    probe.isReady(byShell(goesOn));
    await runs();
    const [pid = 0] = pidsOf();
    expect(look(pid)?.session).toBe(pid);
    if (by === 'dispose') probe.dispose();
    else probe.isReady(byShell('true', { runId: 'second' }));
    await bothEnd();
  });
});

describe('the problem', () => {
  async function problemOf(asked: ReadinessQuestion): Promise<string> {
    const probe = newProbe({ interval: durationOf(1_000_000) });
    expect(probe.problemOf('first')).toBeUndefined();
    expect(probe.isReady(asked)).toBe(false);
    const problem = await until('a problem', () => probe.problemOf('first'));
    expect(probe.isReady(asked)).toBe(false);
    expect(probe.problemOf('another')).toBeUndefined();
    return problem;
  }

  test('must be known for a command that fails', async () => {
    expect(await problemOf(byShell('exit 3'))).toBe('exit status 3');
    expect(await problemOf(byShell('kill -SEGV $$'))).toBe('signal 11 (SIGSEGV)');
  });

  test('must be known for a command that cannot be started', async () => {
    expect(await problemOf(byCommand(['no-such-program']))).toBe('no program no-such-program');
    const file = scratch.write('data', 'x');
    expect(await problemOf(byCommand([file]))).toBe(
      `EACCES: permission denied: is ${file} executable?`,
    );
    const directory = scratch.path('gone');
    expect(await problemOf(byCommand(['true'], {}, { directory }))).toBe(
      `no directory ${directory}`,
    );
    expect(await problemOf(byCommand([]))).not.toBe('');
    const envFiles = [scratch.path('gone')];
    expect(await problemOf(byCommand(['true'], {}, { envFiles }))).toBe(
      `env file ${scratch.path('gone')}: ENOENT: no such file or directory`,
    );
  });

  test('must be forgotten when the command succeeds', async () => {
    const probe = newProbe();
    const asked = byShell('test -e allowed');
    await until('a problem', () => {
      probe.isReady(asked);
      return probe.problemOf('first');
    });
    scratch.write('allowed', '');
    await until('ready', () => probe.isReady(asked));
    expect(probe.problemOf('first')).toBeUndefined();
  });
});

/** Probes once with a command that does not end, and has nothing else to do. */
const leavingSource = `
import { createReadinessProbe } from './worker/readiness-probe.ts';
const asked = JSON.parse(process.argv[2]);
console.log('asked', createReadinessProbe().isReady(asked));`;

test('a running command must not keep us from exiting', async () => {
  const asked = JSON.stringify(byShell(goesOn));
  const child = scratch.run([...scratch.program(leavingSource), asked]);
  await child.ended();
  expect(child.heard()).toBe('asked false\n');
  await runs();
  expect(pidsOf().every(isAlive)).toBe(true);
});

/** Probes once, and has nothing else to do. */
const askingSource = `
import { probeOnce } from './worker/readiness-probe.ts';
const asked = JSON.parse(process.argv[2]);
probeOnce(asked).then((answer) => console.log('answer', answer));`;

describe('a single look', () => {
  test('must wait for the result of the command', async () => {
    expect(await probeOnce(byShell('sleep 0.1'))).toBe(true);
    expect(await probeOnce(byShell('exit 1'))).toBe(false);
    expect(await probeOnce(byCommand(['no-such-program']))).toBe(false);
  });

  test('must keep the process alive until then', async () => {
    const asked = JSON.stringify(byShell('sleep 0.2'));
    const child = scratch.run([...scratch.program(askingSource), asked]);
    await child.says('answer true');
    await child.ended();
  });

  test('must not wait longer than its limit', async () => {
    const limits = { timeout: durationOf(1_000), interval: durationOf(500) };
    expect(await probeOnce(byShell(goesOn), limits)).toBe(false);
    await bothEnd();
  });

  test('must read the log and look at the file', async () => {
    const path = scratch.write('mail.log', 'ready\n');
    expect(await probeOnce(question({ kind: 'log', pattern: '^ready', timeout }))).toBe(true);
    expect(await probeOnce(question({ kind: 'log', pattern: '^never', timeout }))).toBe(false);
    expect(await probeOnce(question({ kind: 'file', path, timeout }))).toBe(true);
    expect(await probeOnce(question({ kind: 'file', path: scratch.path('none'), timeout }))).toBe(
      false,
    );
  });
});
