import {
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { beforeEach, expect, test, vi } from 'vitest';
import type { RecordReader } from '../../../src/host/state/record-cache.ts';
import { momentOf } from '../../../src/core/basics/time.ts';
import { recordMembers } from '../../../src/host/state/records.ts';
import { useScratch } from '../../rig/scratch.ts';
import { bootId } from '../../rig/kernel.ts';

const scratch = useScratch();
const names = Array.from({ length: 70 }, (_, index) => `mail.${index + 1}`);
const cache = (): string => scratch.path('.new/records');

const record = (instance: string, pid: number): string => {
  const members = recordMembers({
    bootId: bootId(),
    instance,
    runId: 'abcdef0123456789',
    startedAt: momentOf(1_000),
    commandDigest: '0123456789ab',
    stopSignal: 'TERM',
    log: { path: '/var/log/mail "quoted".log', offset: 0 },
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

/** As if nothing had happened in the directory for this long. */
const rest = (seconds: number): void => {
  const then = Date.now() / 1000 - seconds;
  utimesSync(scratch.folder(), then, then);
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
async function wrongPidfiles(minute = 0): Promise<string[]> {
  vi.resetModules();
  const { createRecordReader } = await import('../../../src/host/state/record-cache.ts');
  vi.spyOn(Date, 'now').mockReturnValueOnce(minute * 60_000);
  const reader = createRecordReader(scratch.folder(), names.length);
  vi.restoreAllMocks();
  const wrong = names.filter((name) => {
    const record = reader.read(name);
    const pid = record.kind === 'read' ? record.value.pid : undefined;
    const found = reader.pidfile(name, pidfile(name));
    return found.kind !== 'holds' || found.pid !== pid;
  });
  reader.keep();
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

test('pidfiles must be read once, and then a few at each look: all within 15 minutes', async () => {
  writePidfiles();
  expect(await wrongPidfiles()).toEqual([]);
  for (const name of names) writeFileSync(pidfile(name), '0\n'); // in place
  const found: number[] = [];
  for (let minute = 0; minute < 15; minute += 1) {
    await pidsSeen(); // a look that reads no pidfile changes nothing of that
    found.push((await wrongPidfiles(minute)).length);
  }
  // Those that were found are read at each look.
  expect(found).toEqual([5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 54, 58, 62, 66, 70]);
});

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
      reader.pidfile(name, pidfile(name));
    }
    reader.keep();
    return statSync(cache()).ino;
  };
  const first = statSync(cache()).ino;
  const kept = look();
  expect(kept).not.toBe(first);
  expect([look(), look()]).toEqual([kept, kept]);
});
