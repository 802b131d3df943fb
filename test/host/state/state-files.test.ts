import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  utimesSync,
} from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { ProcessRecord, Quieting, Stop } from '../../../src/core/model/record.ts';
import { durationOf, momentOf } from '../../../src/core/basics/time.ts';
import {
  noteReady,
  readQuiet,
  readStop,
  readyAge,
  writeQuiet,
  writeStop,
} from '../../../src/host/state/notes.ts';
import { keepDeathOfRetiring, readDeath } from '../../../src/host/state/exits.ts';
import { readPidfile, writePidfile } from '../../../src/host/state/records.ts';
import { moveAside, removeFilesOf } from '../../../src/host/state/records.ts';
import { readRecord, recordMembers, writeRecord } from '../../../src/host/state/records.ts';
import {
  exitPath,
  heartbeatPath,
  listStateFiles,
  lockPath,
  baseOf,
  recordedInstances,
  recordedProcesses,
  recordedRetiring,
  refOfBase,
  recordPath,
  shimNotesPath,
  stopPath,
} from '../../../src/host/state/paths.ts';
import { removeFile } from '../../../src/host/files/json-file.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();
const asRoot = process.geteuid?.() === 0;

const identity = { pid: 4711, startTime: 123_456_789, bootId: 'aaaa-bbbb' };

const record: ProcessRecord = {
  ...identity,
  instance: 'mail.1',
  runId: 'f00',
  shimPid: 4710,
  startedAt: momentOf(1_700_000_000_123),
  commandDigest: 'abc',
  stopSignal: 'QUIT',
  log: { path: '/a "quoted" path\n%s', offset: 17 },
};

const stop: Stop = {
  process: identity,
  sent: false,
  signal: 'TERM',
  at: momentOf(1_700_000_000_456),
  cause: 'restart of 12:03 by "me" @ höst\n',
};

test('each kind of file has its name', () => {
  const paths = [recordPath, stopPath, exitPath, lockPath, shimNotesPath].map((path) =>
    path('/s', 'mail.1'),
  );
  expect(paths).toEqual([
    '/s/mail.1.json',
    '/s/mail.1.stop',
    '/s/mail.1.exit',
    '/s/mail.1.lock',
    '/s/mail.1.shim',
  ]);
});

describe('a record', () => {
  const put = (text: string): string => scratch.write('mail.1.json', text);
  const read = (): ReturnType<typeof readRecord> => readRecord(scratch.folder(), 'mail.1');
  const problem = (): string => {
    const file = read();
    return file.kind === 'broken' ? file.problem.replace(scratch.folder(), '') : file.kind;
  };
  const written = (): Record<string, unknown> => {
    writeRecord(scratch.folder(), record);
    return JSON.parse(readFileSync(scratch.path('mail.1.json'), 'utf8')) as Record<string, unknown>;
  };

  test('must be read as it was written', () => {
    writeRecord(scratch.folder(), record);
    expect(read()).toEqual({ kind: 'read', value: record });
  });

  test('must be the same whether we write it or the shim', () => {
    put(`{"pid":4711,"start_time":123456789,"shim_pid":4710,${recordMembers(record)}}\n`);
    expect(read()).toEqual({ kind: 'read', value: record });
  });

  test('must be absent if there is no file, and no directory', () => {
    expect(read()).toEqual({ kind: 'absent' });
    expect(readRecord(scratch.path('nowhere'), 'mail.1')).toEqual({ kind: 'absent' });
  });

  test('must be absent while its empty file is about to be written', () => {
    put('');
    expect(read()).toEqual({ kind: 'absent' });
  });

  test.each([-5, 5])('must be broken if its file has been empty for %i s', (seconds) => {
    const time = Date.now() / 1000 - seconds;
    utimesSync(put(''), time, time);
    expect(problem()).toMatch(/found an empty file$/);
  });

  test.each([
    [' \n', 'an empty file'],
    ['abc', '"abc"'],
    ['null', '"null"'],
    ['[]', '"[]"'],
    ['4711', '"4711"'],
    ['{"pid":47', '"{\\"pid\\":47"'],
    ['\u0000\u0001', '"\\u0000\\u0001"'],
  ])('that holds %j must be broken', (text, found) => {
    put(text);
    expect(problem()).toBe(`/mail.1.json: expected the record of a process, found ${found}`);
  });

  test('must not print the whole of a long file', () => {
    put('x'.repeat(5_000));
    expect(problem().length).toBeLessThan(120);
  });

  test('that is huge must be broken, and not be read', () => {
    put('');
    truncateSync(scratch.path('mail.1.json'), 3 * 1024 ** 3);
    expect(problem()).toMatch(/^\/mail\.1\.json: /);
  });

  test.each([
    ['pid', 0],
    ['pid', -1],
    ['pid', 1.5],
    ['pid', '4711'],
    ['pid', null],
    ['start_time', -1],
    ['start_time', '1'],
    ['boot_id', 7],
    ['stop_signal', 'SIGKILL'],
    ['stop_signal', 'SIGTERM; rm -rf /'],
    ['log', '/a'],
    ['run_id', undefined],
  ])('with %s %j must be broken', (member, value) => {
    put(JSON.stringify({ ...written(), [member]: value }));
    expect(problem()).toContain('expected the record of a process');
  });

  test('of another instance must be broken', () => {
    put(JSON.stringify({ ...written(), instance: 'mail.2' }));
    expect(problem()).toBe('/mail.1.json: expected the record of mail.1, found that of "mail.2"');
  });

  test('with members of a later version must be read', () => {
    put(JSON.stringify({ ...written(), later: true }));
    expect(read()).toEqual({ kind: 'read', value: record });
  });

  test('that is a directory must be broken', () => {
    mkdirSync(scratch.path('mail.1.json'));
    expect(problem()).toContain('expected a file, found a directory');
  });

  test.skipIf(asRoot)('that may not be read must be broken', () => {
    chmodSync(put('{}'), 0);
    expect(problem()).toContain('EACCES');
  });

  test('that links to itself must be broken', () => {
    symlinkSync('mail.1.json', scratch.path('mail.1.json'));
    expect(problem()).toContain('ELOOP');
  });
});

describe('recordedInstances', () => {
  test('must name the instances that have a record, and nothing else', () => {
    for (const name of [
      'mail.1.json',
      'job-a.b_2.json',
      'state.json',
      'mail.1.json.77.new',
      'mail.1.json.new',
      'mail.2.pid',
      'a.b.c.json',
      'mail.1~f00.json',
      'mail.1~.json',
    ])
      scratch.write(name, '');
    const found = [...recordedInstances(scratch.folder())].sort();
    expect(found).toEqual(['job-a.b_2', 'mail.1']);
    const old = { instance: 'mail.1', retiring: 'f00' };
    expect(recordedProcesses(scratch.folder())).toContainEqual(old);
    expect(recordedRetiring(scratch.folder())).toEqual([old]);
    expect([baseOf(old), refOfBase('mail.1~f00')]).toEqual(['mail.1~f00', old]);
  });

  test('must be none without a directory', () => {
    expect(recordedInstances(scratch.path('nowhere'))).toEqual([]);
  });
});

test('listStateFiles must name the existing notes, and the heartbeats of each run', () => {
  const notes = ['mail.1.stop', 'mail.1.quiet', 'mail.1.ready', 'mail.1.dump', 'mail.1~f00.stop'];
  for (const name of [...notes, 'mail.1.exit', 'mail.1.lock', 'mail.1.stop.new'])
    scratch.write(name, '');
  mkdirSync(scratch.path('heartbeats'));
  scratch.write('heartbeats/mail.1.f00', '');
  expect([...listStateFiles(scratch.folder()).notes].sort()).toEqual(
    [...notes, 'heartbeats/mail.1.f00'].sort(),
  );
});

describe('an old process that retires beside its replacement', () => {
  const name = 'mail.1~f00';
  const kinds = ['stop', 'quiet', 'ready', 'shim', 'lock', 'json'];

  test('must keep all its files under another name, and free the place of the pidfile', () => {
    for (const kind of [...kinds, 'pid']) scratch.write(`mail.1.${kind}`, kind);
    moveAside(scratch.folder(), 'mail.1', 'f00');
    for (const kind of kinds)
      expect(readFileSync(scratch.path(`${name}.${kind}`), 'utf8'), kind).toBe(kind);
    for (const kind of ['json', 'lock', 'shim'])
      expect(existsSync(scratch.path(`mail.1.${kind}`)), kind).toBe(false);
  });

  test.each(['mkfifo', 'ln -s /dev/zero', 'mkdir'])(
    'must be moved aside, even if a note is no file: %s',
    async (make) => {
      await scratch.shell(`${make} mail.1.stop`).ended();
      scratch.write('mail.1.json', 'json');
      moveAside(scratch.folder(), 'mail.1', 'f00');
      expect(readFileSync(scratch.path(`${name}.json`), 'utf8')).toBe('json');
      expect(readStop(scratch.folder(), name), 'counts as sent').toMatchObject({ kind: 'broken' });
    },
  );

  test('must be moved aside by a second try, if the first was interrupted before its record', () => {
    for (const kind of ['stop', 'json']) scratch.write(`mail.1.${kind}`, kind);
    for (const kind of ['stop', 'lock']) scratch.write(`${name}.${kind}`, kind);
    moveAside(scratch.folder(), 'mail.1', 'f00');
    for (const kind of ['stop', 'lock', 'json'])
      expect(readFileSync(scratch.path(`${name}.${kind}`), 'utf8'), kind).toBe(kind);
  });

  test('must have its death kept before another process takes its place', () => {
    scratch.write('mail.1.exit', '{"run_id":"f00","exit_status":0}');
    keepDeathOfRetiring(scratch.folder(), 'mail.1');
    expect(existsSync(scratch.path(`${name}.exit`)), 'no process retires').toBe(false);
    scratch.write(`${name}.json`, '');
    keepDeathOfRetiring(scratch.folder(), 'mail.1');
    expect(readDeath(scratch.folder(), name, record)?.death).toEqual({ kind: 'exited', status: 0 });
    expect(existsSync(scratch.path('mail.1.exit'))).toBe(false);
  });

  test('must leave no file behind', () => {
    const beat = heartbeatPath(scratch.folder(), 'mail.1', 'f00');
    mkdirSync(scratch.path('heartbeats'));
    for (const kind of [...kinds, 'exit']) scratch.write(`${name}.${kind}`, kind);
    scratch.write('heartbeats/mail.1.f00', '');
    expect(existsSync(beat)).toBe(true);
    removeFilesOf(scratch.folder(), 'mail.1', 'f00');
    expect(listStateFiles(scratch.folder())).toEqual({
      instances: [],
      retiring: [],
      notes: new Set(),
    });
    expect(existsSync(beat)).toBe(false);
  });
});

test('readiness must be noted for a single run, with the age of its process', () => {
  const ageOf = (base: string, run: string) => readyAge(scratch.folder(), base, run);
  noteReady(scratch.folder(), 'mail.1', 'f00', durationOf(1234.5));
  expect(ageOf('mail.1', 'f00')).toBe(1234);
  expect(ageOf('mail.1', 'f01')).toBeUndefined();
  expect(ageOf('mail.2', 'f00')).toBeUndefined();
  for (const torn of ['', 'f00', 'f00 ', 'f00 x', 'f00 -1', '1234']) {
    scratch.write('mail.1.ready', torn);
    expect(ageOf('mail.1', 'f00'), torn).toBeUndefined();
  }
});

describe('a stop', () => {
  const read = (): ReturnType<typeof readStop> => readStop(scratch.folder(), 'mail.1');

  test.each([true, false])('must be read as it was written, sent: %s', (sent) => {
    writeStop(scratch.folder(), 'mail.1', { ...stop, sent });
    expect(read()).toEqual({ kind: 'read', value: { ...stop, sent } });
  });

  test('must be read with its deadline', () => {
    const limited = { ...stop, deadline: durationOf(123_456) };
    writeStop(scratch.folder(), 'mail.1', limited);
    expect(read()).toEqual({ kind: 'read', value: limited });
  });

  test.each([true, false])(
    'that only asks it to take no new job must be read as it was written, stop when idle: %s',
    (stopsWhenIdle) => {
      const quiet: Quieting = { ...stop, sent: true, signal: 'TSTP', stopsWhenIdle };
      writeQuiet(scratch.folder(), 'mail.1', quiet);
      expect(readQuiet(scratch.folder(), 'mail.1')).toEqual({ kind: 'read', value: quiet });
      expect(read()).toEqual({ kind: 'absent' });
    },
  );

  test('must have "sent" where signal.sh overwrites it', () => {
    writeStop(scratch.folder(), 'mail.1', stop);
    const text = readFileSync(scratch.path('mail.1.stop'), 'utf8');
    expect(text.startsWith('{"sent":false,')).toBe(true);
    scratch.write('mail.1.stop', `{"sent":true ${text.slice('{"sent":true '.length)}`);
    expect(read()).toEqual({ kind: 'read', value: { ...stop, sent: true } });
  });

  test('must be absent without a file', () => {
    expect(read()).toEqual({ kind: 'absent' });
  });

  test.each(['', 'abc', '{}', '{"sent":true ', '{"sent":true}'])('%j must be broken', (text) => {
    scratch.write('mail.1.stop', text);
    expect(read()).toMatchObject({ kind: 'broken' });
  });
});

describe('a death', () => {
  const read = (text: string): unknown => {
    scratch.write('mail.1.exit', text);
    return readDeath(scratch.folder(), 'mail.1', record)?.death;
  };

  test.each([
    ['{"run_id":"f00","exit_status":0}', { kind: 'exited', status: 0 }],
    ['{"run_id":"f00","exit_status":134}', { kind: 'exited', status: 134 }],
    ['{"run_id":"f00","signal_number":9}', { kind: 'signalled', signal: 9, coreDumped: false }],
    [
      '{"run_id":"f00","signal_number":6,"core_dumped":true}',
      { kind: 'signalled', signal: 6, coreDumped: true },
    ],
  ])('%s must be read', (text, death) => {
    expect(read(text)).toEqual(death);
  });

  test.each([
    '',
    'abc',
    '{"run_id":"f00"}',
    '{"run_id":"f01","exit_status":0}',
    '{"exit_status":0}',
  ])('%j must say nothing about this process', (text) => {
    expect(read(text)).toBeUndefined();
  });

  test('must have the time at which the file was written', () => {
    const before = Date.now();
    read('{"run_id":"f00","exit_status":0}');
    const at = readDeath(scratch.folder(), 'mail.1', record)?.at ?? 0;
    expect(Math.abs(at - before)).toBeLessThan(5_000);
  });

  test('of a retiring process must be read under its own name, or under the instance’s', () => {
    const name = 'mail.1~f00';
    const retiring = (): unknown => readDeath(scratch.folder(), name, record)?.death;
    scratch.write('mail.1.exit', '{"run_id":"f00","exit_status":1}');
    expect(retiring()).toEqual({ kind: 'exited', status: 1 });
    scratch.write(`${name}.exit`, '{"run_id":"f00","exit_status":2}');
    expect(retiring()).toEqual({ kind: 'exited', status: 2 });
    scratch.write('mail.1.exit', '{"run_id":"f01","exit_status":3}');
    expect(readDeath(scratch.folder(), 'mail.1', record)).toBeUndefined();
  });

  test('must not be known without a file', () => {
    expect(readDeath(scratch.folder(), 'mail.1', record)).toBeUndefined();
  });
});

describe('a pidfile', () => {
  const read = (text: string): unknown => readPidfile(scratch.write('mail.1.pid', text));

  test('must be read as it was written, with a newline', () => {
    const path = scratch.path('mail.1.pid');
    writePidfile(path, 4711);
    expect(readFileSync(path, 'utf8')).toBe('4711\n');
    expect(readPidfile(path)).toEqual({ kind: 'holds', pid: 4711 });
  });

  test.each(['4711', ' 4711\n', '4711\r\n\n'])('%j must be read', (text) => {
    expect(read(text)).toEqual({ kind: 'holds', pid: 4711 });
  });

  test.each([
    ['', 'an empty file'],
    ['\n', 'an empty file'],
    ['abc', '"abc"'],
    ['0', '"0"'],
    ['-1', '"-1"'],
    ['12 13', '"12 13"'],
    ['12\n13', '"12\\n13"'],
    ['1e3', '"1e3"'],
    ['99999999999', '"99999999999"'],
    ['x'.repeat(99), JSON.stringify('x'.repeat(40))],
  ])('%j must be broken', (text, found) => {
    expect(read(text)).toEqual({ kind: 'broken', problem: `expected a pid, found ${found}` });
  });

  test('must be absent without a file', () => {
    expect(readPidfile(scratch.path('mail.1.pid'))).toEqual({ kind: 'absent' });
  });

  test('that is a directory must be broken', () => {
    mkdirSync(scratch.path('mail.1.pid'));
    expect(readPidfile(scratch.path('mail.1.pid'))).toMatchObject({ kind: 'broken' });
  });

  test('must be removed, even twice', () => {
    const path = scratch.write('mail.1.pid', '1');
    removeFile(path);
    removeFile(path);
    expect(readPidfile(path)).toEqual({ kind: 'absent' });
  });

  test('that may not be removed must be an error with its path', () => {
    expect(() => {
      removeFile('/proc/version');
    }).toThrow(/^\/proc\/version cannot be removed: E(PERM|ACCES|ROFS): /);
  });
});

test('a FIFO in the place of a file must not make a pass wait for a writer', async () => {
  const reader = scratch.program(`
    import { readPidfile, readRecord } from './state/records.ts';
    console.log(readPidfile(process.argv[2] + '/mail.1.pid').kind);
    console.log(readRecord(process.argv[2], 'mail.1').kind);`);
  const made = scratch.shell('mkfifo mail.1.pid mail.1.json && echo made');
  await made.says('made');
  const child = scratch.run([...reader, scratch.folder()]);
  await child.says('broken\nbroken');
});
