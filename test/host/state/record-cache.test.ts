import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { RecordReader } from '../../../src/host/state/record-cache.ts';
import { momentOf } from '../../../src/core/basics/time.ts';
import { recordMembers } from '../../../src/host/state/records.ts';
import { useScratch } from '../../rig/scratch.ts';
import { bootId } from '../../rig/kernel.ts';
import { until } from '../../rig/wait.ts';

const scratch = useScratch();
const names = Array.from({ length: 70 }, (_, index) => `mail.${index + 1}`);
const cache = (): string => scratch.path('.new/records');

const record = (instance: string, pid: number, log = '/var/log/mail "quoted".log'): string => {
  const members = recordMembers({
    bootId: bootId(),
    instance,
    runId: 'abcdef0123456789',
    startedAt: momentOf(1_000),
    commandDigest: '0123456789ab',
    stopSignal: 'TERM',
    log: { path: log, offset: 0 },
  });
  return `{"pid":${pid},"start_time":7,"shim_pid":8,${members}}\n`;
};

/** In place, so that the directory does not change, unlike when a shim publishes. */
const overwrite = (name: string, text: string): void => {
  writeFileSync(scratch.path(`${name}.json`), text);
};

const publish = (name: string, text: string): void => {
  writeFileSync(scratch.path(`.new/${name}.json`), text);
  renameSync(scratch.path(`.new/${name}.json`), scratch.path(`${name}.json`));
};

let ahead = 0;

/** From now on the time is so much later than the files say. */
const rest = (seconds: number): void => {
  ahead = seconds * 1000;
  vi.spyOn(Date, 'now').mockImplementation(
    () => performance.timeOrigin + performance.now() + ahead,
  );
};

/** One look of another command: it remembers nothing of the last one. */
async function pidsSeen(some = names): Promise<(number | string)[]> {
  vi.resetModules();
  const { createRecordReader } = await import('../../../src/host/state/record-cache.ts');
  return readBy(createRecordReader(scratch.folder(), some.length), some);
}

function readBy(reader: RecordReader, some: readonly string[]): (number | string)[] {
  const seen = some.map((name) => {
    const found = reader.read(name);
    return found.kind === 'read' ? found.value.pid : found.kind;
  });
  reader.keep();
  return seen;
}

const pidfile = (name: string): string => scratch.path(`${name}.pid`);

/** One look of another command that reads pidfiles, too. @returns the instances whose pidfiles are not right */
async function wrongPidfiles(minute = 0, some = names): Promise<string[]> {
  vi.resetModules();
  const { createRecordReader } = await import('../../../src/host/state/record-cache.ts');
  const round = 13 * 60_000;
  const nextRound = Math.ceil((Date.now() + 10_000) / round) * round;
  vi.spyOn(Date, 'now').mockReturnValue(nextRound + minute * 60_000);
  const reader = createRecordReader(scratch.folder(), some.length);
  const wrong = some.filter((name) => {
    const record = reader.read(name);
    const pid = record.kind === 'read' ? record.value.pid : undefined;
    const found = reader.pidfile(name);
    return found.kind !== 'holds' || found.pid !== pid;
  });
  reader.keep();
  rest(10);
  return wrong;
}

const writePidfiles = (): void => {
  names.forEach((name, index) => {
    writeFileSync(pidfile(name), `${index + 1}\n`);
  });
  rest(10);
};

beforeEach(() => {
  mkdirSync(scratch.path('.new'));
  names.forEach((name, index) => {
    publish(name, record(name, index + 1));
  });
  rest(10);
});

afterEach(() => {
  vi.restoreAllMocks();
});

const numbers = names.map((_, index) => index + 1);

test('many records must be read from one file as long as none has come or gone', async () => {
  expect(await pidsSeen()).toEqual(numbers);
  overwrite('mail.3', record('mail.3', 999));
  expect((await pidsSeen())[2], 'the file itself is not opened').toBe(3);
});

test('a record must be seen as soon as a shim publishes it', async () => {
  await pidsSeen();
  publish('mail.3', record('mail.3', 999));
  expect((await pidsSeen())[2]).toBe(999);
  publish('mail.3', record('mail.3', 1000));
  expect((await pidsSeen())[2], 'and the next one, a moment later').toBe(1000);
});

test('nothing must be kept of a directory that has just changed', async () => {
  rest(2);
  await pidsSeen();
  overwrite('mail.3', record('mail.3', 999));
  expect((await pidsSeen())[2]).toBe(999);
});

test('a few records must be read from their own files', async () => {
  await pidsSeen();
  overwrite('mail.3', record('mail.3', 999));
  expect(await pidsSeen(names.slice(0, 5))).toEqual([1, 2, 999, 4, 5]);
});

test('a command that looks repeatedly must see it too', async () => {
  const { createRecordReader } = await import('../../../src/host/state/record-cache.ts');
  const look = (): (number | string)[] =>
    readBy(createRecordReader(scratch.folder(), names.length), names);
  expect(look()).toEqual(numbers);
  overwrite('mail.3', record('mail.3', 999));
  expect(look()[2]).toBe(3);
  publish('mail.4', record('mail.4', 999));
  expect(look().slice(2, 4)).toEqual([999, 999]);
});

test('records that are absent, broken or of a launch must be read each time', async () => {
  overwrite('mail.5', 'garbage');
  overwrite('mail.6', record('mail.6', 66).replace('{', '{"launch_timeout_seconds":1,'));
  expect((await pidsSeen([...names, 'mail.99'])).slice(4, 6)).toEqual(['broken', 66]);
  overwrite('mail.5', record('mail.5', 55));
  overwrite('mail.6', record('mail.6', 67));
  const seen = await pidsSeen([...names, 'mail.99']);
  expect([...seen.slice(4, 6), seen.at(-1)]).toEqual([55, 67, 'absent']);
});

test('other files must be listed as they are, and the directory of heartbeats again each time', async () => {
  scratch.write('mail.3.stop', '{}');
  mkdirSync(scratch.path('heartbeats'));
  rest(10);
  await pidsSeen();
  scratch.write('heartbeats/mail.1.abc', '');
  vi.resetModules();
  const { stateFilesIn } = await import('../../../src/host/state/record-cache.ts');
  const { instances, notes } = stateFilesIn(scratch.folder());
  expect([...instances].sort()).toEqual([...names].sort());
  expect([...notes].sort()).toEqual(['heartbeats/mail.1.abc', 'mail.3.stop']);
  scratch.write('mail.4.stop', '{}');
  expect([...stateFilesIn(scratch.folder()).notes]).toContain('mail.4.stop');
});

test.each([
  ['empty', ''],
  ['of garbage', 'garbage\n\n \nmail.3\n'],
  ['of a directory', undefined],
])('a file that is %s must be harmless', async (_, text) => {
  if (text === undefined) mkdirSync(cache());
  else writeFileSync(cache(), text);
  expect(await pidsSeen()).toEqual(numbers);
});

test('a file with the right stamp but torn lines must be repaired from the records', async () => {
  await pidsSeen();
  const text = readFileSync(cache(), 'utf8');
  writeFileSync(cache(), text.slice(0, text.length / 2));
  const seen = await pidsSeen();
  expect(seen.filter((pid) => pid === 'broken').length).toBe(0);
  expect(seen).toEqual(numbers);
});

test.each([1, 5])(
  'pidfiles must be read once, and then a few at each look, every %i minutes: all in 13 looks',
  async (minutes) => {
    writePidfiles();
    expect(await wrongPidfiles()).toEqual([]);
    for (const name of names) writeFileSync(pidfile(name), '0\n'); // in place
    const found: number[] = [];
    for (let looks = 0; looks < 13; looks += 1) {
      await pidsSeen(); // a look that reads no pidfile changes nothing of that
      found.push((await wrongPidfiles(looks * minutes)).length);
    }
    // Those that were found are read at each look.
    expect(found).toEqual(found.toSorted((a, b) => a - b));
    expect(found[0]).toBe(6);
    expect(found.at(-2)).toBeLessThan(70);
    expect(found.at(-1)).toBe(70);
  },
);

test('a pidfile that was wrong must be read at each look until it is right', async () => {
  writePidfiles();
  writeFileSync(pidfile('mail.1'), '99\n');
  rest(10);
  expect(await wrongPidfiles()).toEqual(['mail.1']);
  expect(await wrongPidfiles(3)).toEqual(['mail.1']);
  writeFileSync(pidfile('mail.1'), '1\n');
  expect(await wrongPidfiles(3)).toEqual([]);
  // One that was right, and is found wrong in its turn.
  writeFileSync(pidfile('mail.4'), '99\n');
  expect(await wrongPidfiles(0)).toEqual([]);
  expect(await wrongPidfiles(3)).toEqual(['mail.4']);
  expect(await wrongPidfiles(0)).toEqual(['mail.4']);
});

test('a pidfile that is removed or replaced must be seen at once', async () => {
  writePidfiles();
  expect(await wrongPidfiles()).toEqual([]);
  rmSync(pidfile('mail.2'));
  expect(await wrongPidfiles()).toEqual(['mail.2']);
  writeFileSync(pidfile('mail.2'), '2\n');
  writeFileSync(scratch.path('other'), '5\n');
  renameSync(scratch.path('other'), pidfile('mail.3'));
  expect(await wrongPidfiles()).toEqual(['mail.3']);
});

test('pidfiles elsewhere must be read at each look', async () => {
  vi.resetModules();
  const { createRecordReader } = await import('../../../src/host/state/record-cache.ts');
  writePidfiles();
  expect(await wrongPidfiles()).toEqual([]);
  const reader = createRecordReader(scratch.folder(), names.length);
  reader.read('mail.1');
  expect(reader.pidfile('mail.1', scratch.path('elsewhere.pid'))).toEqual({ kind: 'absent' });
});

test('a process that looks again must not write down again what it has kept', async () => {
  writePidfiles();
  await pidsSeen(); // without pidfiles
  vi.resetModules();
  const { createRecordReader } = await import('../../../src/host/state/record-cache.ts');
  const look = (): number => {
    const reader = createRecordReader(scratch.folder(), names.length);
    for (const name of names) {
      reader.read(name);
      reader.pidfile(name);
    }
    reader.keep();
    return statSync(cache()).ino;
  };
  const first = statSync(cache()).ino;
  const kept = look();
  expect(kept).not.toBe(first);
  expect([look(), look()]).toEqual([kept, kept]);
});

describe('a command that has followed changes', () => {
  /** @returns the names that are kept */
  async function keptAfter(changes: () => void): Promise<string[]> {
    rest(0);
    vi.resetModules();
    const { keepRecords } = await import('../../../src/host/state/record-cache.ts');
    const { directoryStamp } = await import('../../../src/host/files/directory-stamp.ts');
    await until('calm', () => directoryStamp(scratch.folder())?.isCalm === true);
    changes();
    keepRecords(scratch.folder(), (name) => name !== 'mail.7');
    if (!existsSync(cache())) return [];
    const [, ...lines] = readFileSync(cache(), 'utf8').split('\n');
    return (JSON.parse(lines.join('\n')) as { records: { names: string[] } }).records.names;
  }

  test('must keep the records for the next one, and which pidfiles are right', async () => {
    writePidfiles();
    publish('mail.70~0123456789abcdef', record('mail.70', 999));
    expect((await keptAfter(() => undefined)).length).toBe(71);
    for (const name of names) {
      overwrite(name, 'not read any more');
      writeFileSync(pidfile(name), '0\n'); // in place
    }
    expect(await pidsSeen()).toEqual(numbers);
    expect(await wrongPidfiles(), 'six in their turn, and one elsewhere').toHaveLength(7);
  });

  test('must keep more than it has looked at itself', async () => {
    rest(10);
    await pidsSeen(names.slice(0, 65));
    expect(statSync(cache()).size).toBeGreaterThan(0);
    expect(await keptAfter(() => undefined)).toHaveLength(70);
  });

  test('must keep nothing if something has just changed', async () => {
    const last = (): void => {
      publish('mail.3', record('mail.3', 999));
    };
    expect(await keptAfter(last)).toEqual([]);
  });
});

describe('where processes have their logs', () => {
  let child: ChildProcess;
  const log = (): string => scratch.path('log/mail.log');

  beforeEach(() => {
    mkdirSync(scratch.path('log'));
    const fd = openSync(log(), 'a');
    child = spawn('sleep', ['1000'], { stdio: ['ignore', fd, 'ignore'] });
    closeSync(fd);
    for (const name of names) publish(name, record(name, child.pid ?? 0, log()));
    rest(10);
  });
  afterEach(async () => {
    await gone();
  });

  const gone = async (): Promise<void> => {
    const isRunning = child.exitCode === null && child.signalCode === null;
    const ended = isRunning ? once(child, 'exit') : undefined;
    child.kill('SIGKILL');
    await ended;
  };

  /** One look of another command. @returns how many of the processes it believes to have their logs there */
  async function withLogs(some = names): Promise<number> {
    vi.resetModules();
    const { createRecordReader } = await import('../../../src/host/state/record-cache.ts');
    const reader = createRecordReader(scratch.folder(), some.length);
    const found = some.filter((name) => {
      const read = reader.read(name);
      return read.kind === 'read' && reader.hasLogs(name, read.value);
    });
    reader.keep();
    return found.length;
  }

  test('must be asked once, and again when a file has come or gone there', async () => {
    expect(await withLogs()).toBe(names.length);
    await gone(); // the kernel would not say so any more
    expect(await withLogs(), 'it is not asked').toBe(names.length);
    expect(await pidsSeen(), 'a look without logs leaves what is kept').toHaveLength(names.length);
    expect(await withLogs()).toBe(names.length);
    writeFileSync(scratch.path('log/other.log'), '');
    expect(await withLogs()).toBe(0);
  });

  test.each([
    [
      'removed',
      (): void => {
        rmSync(log());
      },
    ],
    [
      'renamed',
      (): void => {
        renameSync(log(), scratch.path('log/mail.log.1'));
      },
    ],
    [
      'in a directory that was renamed',
      (): void => {
        renameSync(scratch.path('log'), scratch.path('old'));
      },
    ],
  ])('must be seen at once if a log was %s', async (_, change) => {
    expect(await withLogs()).toBe(names.length);
    change();
    expect(await withLogs()).toBe(0);
  });

  test('must be seen if it was replaced by a file of the same name, even if the time of the directory was set back', async () => {
    utimesSync(scratch.path('log'), 1_000, 1_000);
    expect(await withLogs()).toBe(names.length);
    rmSync(log());
    writeFileSync(log(), '');
    utimesSync(scratch.path('log'), 1_000, 1_000);
    expect(await withLogs()).toBe(0);
  });

  test('must not be kept of a directory of logs that has just changed', async () => {
    rest(0);
    const { createRecordReader } = await import('../../../src/host/state/record-cache.ts');
    const { directoryStamp } = await import('../../../src/host/files/directory-stamp.ts');
    await until('calm', () => directoryStamp(scratch.folder())?.isCalm === true);
    scratch.write('log/other.log', '');
    const reader = createRecordReader(scratch.folder(), names.length);
    for (const name of names) {
      const read = reader.read(name);
      expect(read.kind === 'read' && reader.hasLogs(name, read.value)).toBe(true);
    }
    reader.keep();
    expect(readFileSync(cache(), 'utf8')).not.toContain('"logs"');
    await gone();
    rest(10);
    expect(await withLogs()).toBe(0);
  });

  test('must not be kept beside what is known of as many others', async () => {
    const others = names.map((name) => name.replace('mail', 'post'));
    for (const name of others) publish(name, record(name, child.pid ?? 0, log()));
    for (const name of [...names, ...others]) writeFileSync(pidfile(name), `${child.pid}\n`);
    writeFileSync(pidfile('post.7'), '99\n');
    rest(10);
    expect(await wrongPidfiles()).toEqual([]);
    expect(await withLogs(others)).toBe(others.length);
    expect(await wrongPidfiles(1, others)).toEqual(['post.7']);
  });

  test('must be asked each time of one that is not where it was opened', async () => {
    publish('mail.3', record('mail.3', child.pid ?? 0, scratch.path('log/elsewhere.log')));
    rest(10);
    expect(await withLogs()).toBe(names.length - 1);
    overwrite('mail.3', 'not read any more');
    symlinkSync('mail.log', scratch.path('elsewhere'));
    rest(10);
    expect(await withLogs()).toBe(names.length - 1);
  });
});

test.each([
  ['a pid that is no number', { pid: { all: '1' } }],
  ['too few values', { runId: { each: ['a'] } }],
  ['a column that is missing', { log: undefined }],
  ['a log of a wrong kind', { logFile: { all: 3 } }],
])('a file with %s must be replaced by what is in the records', async (_, spoilt) => {
  await pidsSeen();
  const [stamp = '', ...lines] = readFileSync(cache(), 'utf8').split('\n');
  const kept = JSON.parse(lines.join('\n')) as { records: { columns: object } };
  const columns = { ...kept.records.columns, ...spoilt };
  const text = JSON.stringify({ ...kept, records: { ...kept.records, columns } });
  writeFileSync(cache(), `${stamp}\n${text}\n`);
  expect(await pidsSeen()).toEqual(numbers);
  expect(readFileSync(cache(), 'utf8')).not.toBe(`${stamp}\n${text}\n`);
});

test.each([
  ['names that are none', { instances: [5] }],
  ['names that are no list', { notes: 'mail.3.stop' }],
  ['retiring processes without a run', { retiring: [{ instance: 'mail.1' }] }],
  ['pidfiles that are no list', { otherPidfiles: 5 }],
  ['logs without stamps', { logs: { others: [] } }],
])('a file with %s must be replaced as well', async (_, spoilt) => {
  await pidsSeen();
  const [head = '', ...lines] = readFileSync(cache(), 'utf8').split('\n');
  const kept = JSON.parse(lines.join('\n')) as object;
  writeFileSync(cache(), `${head}\n${JSON.stringify({ ...kept, ...spoilt })}\n`);
  expect(await pidsSeen()).toEqual(numbers);
  expect(JSON.parse(readFileSync(cache(), 'utf8').slice(head.length))).toEqual(kept);
});

test('what another build has kept must not be used', async () => {
  await pidsSeen();
  const text = readFileSync(cache(), 'utf8');
  overwrite('mail.3', record('mail.3', 999));
  writeFileSync(cache(), text.replace('sources ', 'another '));
  expect((await pidsSeen())[2]).toBe(999);
});

test('what records have must be the same when they were kept', async () => {
  const full = {
    ...(JSON.parse(record('mail.3', 3)) as object),
    directory: '/srv/app',
    release: 'r2',
    config: '/etc/workerctl.yaml',
    launch_exit_status: 3,
    stop_signal: 'SIGQUIT',
    log: { path: '/log/mail.3', offset: 7, file: '1:2' },
    error_log: { path: '/log/mail.3.err', offset: 8, file: '1:3' },
  };
  publish('mail.3', JSON.stringify(full));
  rest(10);
  const look = async (): Promise<unknown[]> => {
    vi.resetModules();
    const { createRecordReader } = await import('../../../src/host/state/record-cache.ts');
    const reader = createRecordReader(scratch.folder(), names.length);
    const found = names.map((name) => reader.read(name));
    reader.keep();
    return found;
  };
  const first = await look();
  overwrite('mail.3', 'not read any more');
  expect(await look()).toEqual(first);
});
