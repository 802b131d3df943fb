import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import type * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { WorkerctlError } from '../../../src/core/basics/error.ts';
import { durationOf, momentOf } from '../../../src/core/basics/time.ts';
import { noDesired, type Desired } from '../../../src/core/model/desired.ts';
import {
  desiredCopyPath,
  desiredPath,
  findDesired,
  readCopies,
  readDesired,
} from '../../../src/host/state/desired-file.ts';
import { writeDesired } from '../../../src/host/state/desired-write.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();

const request = { at: momentOf(1_700_000_000_000), by: 'deploy@web1' };
const identity = { pid: 7, startTime: 8, bootId: 'x' };

/** With every possible member. */
const desired: Desired = {
  stopped: { 'mail.1': request },
  held: { 'mail.3': { ...request, until: momentOf(1_700_000_060_000) }, 'mail.4': request },
  quiet: { 'mail.5': { ...request, until: momentOf(1_700_000_060_000) } },
  done: {
    'mail.6': { at: request.at, runId: 'f00', release: 'a', commandDigest: 'd', problem: 'why' },
    'mail.8': { at: request.at, runId: 'f01', commandDigest: 'd' },
  },
  counts: { mail: { ...request, identifiers: ['1', '2'] } },
  adopted: { 'mail.2': { process: identity } },
  deadlines: { 'mail.2': { process: identity, at: durationOf(123_456) } },
  rollouts: [
    {
      ...request,
      id: 'abc',
      options: { canary: false, batch: { kind: 'count', count: 2 }, overlap: true },
      replaces: {
        'mail.2': { ...identity, runId: 'f00', successor: { ...identity, pid: 9 } },
        'mail.7': null,
        'mail.8': { ...identity, wasAsked: true },
      },
      releases: { mail: { from: 'a', to: 'b' } },
      origins: { mail: { directory: '/srv/a', release: 'a', commandDigest: 'd0' } },
      proven: { mail: { release: 'b', commandDigest: 'd1' }, maps: { commandDigest: 'd2' } },
      startedByName: ['mail.2'],
      aborted: { at: momentOf(1_700_000_000_003), instance: 'mail.2', problem: 'it died' },
      paused: { ...request, until: momentOf(1_700_000_060_000) },
    },
    {
      ...request,
      id: 'def',
      options: { batch: { kind: 'percent', percent: 25 }, killAfter: durationOf(900_000) },
      replaces: { 'maps.1': identity },
      releases: { maps: {} },
      proven: {},
      paused: request,
      cancelled: request,
    },
  ],
  ended: [
    { ...request, id: 'ghi', how: 'done' },
    { ...request, id: 'jkl', how: 'rolled_back', problem: 'mail.1: it died' },
  ],
  pins: {
    mail: { ...request, directory: '/srv/releases/1', release: '1', commandDigest: 'd1' },
    maps: { ...request, directory: '/srv/maps', commandDigest: 'd2' },
  },
};

function refusal(act: () => unknown): WorkerctlError {
  try {
    act();
  } catch (error) {
    if (error instanceof WorkerctlError) return error;
    throw error;
  }
  throw new Error('expected an error');
}

const write = (one: Desired): void => {
  writeDesired(scratch.folder(), one, { isDurable: true });
};

test('without a file nothing must be desired beyond the config', () => {
  expect(readDesired(scratch.folder())).toEqual(noDesired);
});

test.each([desired, { ...noDesired, stopped: desired.stopped }, noDesired])(
  '%j must be read as it was written',
  (one) => {
    write(one);
    expect(readDesired(scratch.folder())).toEqual(one);
  },
);

test('files that go between the question for them and the reading must be missing, not damaged', async () => {
  vi.resetModules();
  vi.doMock('node:fs', async (load) => ({
    ...(await load<typeof fs>()),
    statSync: () => ({}),
  }));
  try {
    const late = await import('../../../src/host/state/desired-file.ts');
    expect(late.findDesired(scratch.folder())).toEqual({ desired: noDesired });
  } finally {
    vi.doUnmock('node:fs');
    vi.resetModules();
  }
});

test('the file must name units, and hold moments in RFC 3339', () => {
  write(desired);
  const json = JSON.parse(readFileSync(desiredPath(scratch.folder()), 'utf8')) as unknown;
  expect(json).toMatchObject({
    schema: 2,
    stopped: { 'mail.1': { at: '2023-11-14T22:13:20.000Z', by: 'deploy@web1' } },
    deadlines: { 'mail.2': { since_boot_seconds: 123.456 } },
    rollouts: [
      { replaces: { 'mail.2': { start_time: 8, boot_id: 'x', run_id: 'f00' } } },
      { options: { kill_after_seconds: 900 } },
    ],
  });
});

test('the cause of a death must never be written', () => {
  write({ ...noDesired, isEnding: 'the container ends' });
  expect(readDesired(scratch.folder())).toEqual(noDesired);
});

/** What is wrong with the text of one file, and how that is said. */
const damages: [string, string][] = [
  ['', 'expected JSON, found an empty file'],
  ['abc', 'expected JSON, found "abc"'],
  ['[]', 'expected an object, found []'],
  ['{}', 'schema: expected 2, found nothing'],
  ['{"schema":1,"stopped":{}}', 'schema: expected 2, found 1'],
  ['{"schema":2,"stopped":{"a":1}}', 'stopped.a: expected an object, found 1'],
  ['{"schema":2,"stopped":{"a":{"at":5,"by":"me"}}}', 'stopped.a.at: expected a moment, found 5'],
  [
    '{"schema":2,"rollouts":[{"at":"2023-11-14T22:13:20Z","by":"me"}]}',
    'rollouts.0.id: expected a text, found nothing',
  ],
  ['{"schema":2}', 'generation: expected a whole number, found nothing'],
  ['{"schema":2,"generation":1}', 'checksum: expected '],
];

test.each(damages)(
  'two copies with %j must be refused, naming the files and what to do',
  (text, problem) => {
    scratch.write('state.json', text);
    scratch.write('state.copy', text);
    const error = refusal(() => readDesired(scratch.folder()));
    expect(error.code).toBe('state');
    expect(error.message).toContain(`${desiredPath(scratch.folder())} is damaged (${problem}`);
    expect(error.message).toContain(
      `; its second copy ${desiredCopyPath(scratch.folder())} is damaged`,
    );
    expect(error.hint).toMatch(
      /^lost: stops, holds.*: mv \S+\/state\.json \S+\.moved && mv \S+\/state\.copy \S+\.moved$/,
    );
  },
);

describe('one copy', () => {
  const missing = (path: string): void => {
    rmSync(path);
  };
  const ways: [string, string, (path: string) => void][] = [
    ...damages.map(([text, problem]): (typeof ways)[number] => [
      JSON.stringify(text),
      `is damaged (${problem}`,
      (path) => {
        writeFileSync(path, text);
      },
    ]),
    ['missing', 'is missing', missing],
    [
      'edited',
      'is damaged (checksum: expected ',
      (path) => {
        writeFileSync(path, readFileSync(path, 'utf8').replace('deploy@web1', 'mallory@web1'));
      },
    ],
    [
      'torn',
      'is damaged (expected JSON',
      (path) => {
        truncateSync(path, 200);
      },
    ],
    [
      'a directory',
      'is damaged (expected a file, found a directory)',
      (path) => {
        rmSync(path);
        mkdirSync(path);
        writeFileSync(join(path, 'theirs'), '');
      },
    ],
    [
      'a FIFO',
      'is damaged (expected a file, found a FIFO)',
      (path) => {
        rmSync(path);
        execFileSync('mkfifo', [path]);
      },
    ],
    [
      'a link that leads to itself',
      'is damaged (ELOOP',
      (path) => {
        rmSync(path);
        symlinkSync(path, path);
      },
    ],
  ];

  test.each(ways)('that is %s must not matter while state.json is valid', (_, __, damage) => {
    write(desired);
    damage(desiredCopyPath(scratch.folder()));
    expect(findDesired(scratch.folder())).toEqual({ desired });
    write(noDesired);
    rmSync(desiredPath(scratch.folder()));
    expect(readDesired(scratch.folder())).toEqual(noDesired);
  });

  test.each(ways)(
    'that is %s must be replaced by the other, be kept, and be written again',
    (_, problem, damage) => {
      const path = desiredPath(scratch.folder());
      write(noDesired);
      write(desired);
      damage(path);
      const found = findDesired(scratch.folder());
      expect(found.desired).toEqual(desired);
      expect(found.problem).toContain(`${path} ${problem}`);
      expect(found.problem).toContain('its second copy is used');
      write(found.desired);
      expect(findDesired(scratch.folder())).toEqual({ desired });
      expect(existsSync(scratch.path('state.damaged.1'))).toBe(damage !== missing);
      const { first, copy } = readCopies(scratch.folder());
      expect(first).toEqual(copy);
      expect(first).toMatchObject({ value: { generation: 3 } });
    },
  );

  test('of the damaged ones three must be kept, the latest', () => {
    for (const text of ['a', 'b', 'c', 'd', 'e']) {
      write(desired);
      scratch.write('state.json', text);
    }
    write(desired);
    const kept = readdirSync(scratch.folder()).filter((name) => name.startsWith('state.damaged.'));
    const texts = kept.map((name) => readFileSync(scratch.path(name), 'utf8'));
    expect(texts.sort()).toEqual(['c', 'd', 'e']);
  });
});

describe.runIf(process.geteuid?.() === 0)('a file that the caller may not read', () => {
  const asNobody = <T>(act: () => T): T => {
    process.seteuid?.(65_534);
    try {
      return act();
    } finally {
      process.seteuid?.(0);
    }
  };
  const close = (...paths: string[]): void => {
    chmodSync(scratch.folder(), 0o755);
    for (const path of paths) chmodSync(path, 0o600);
  };

  test('must not be called damaged, and must not be moved away', () => {
    write(desired);
    const path = desiredPath(scratch.folder());
    close(path, desiredCopyPath(scratch.folder()));
    const error = asNobody(() => refusal(() => readDesired(scratch.folder())));
    expect(error.message).toContain(`${path} cannot be read: EACCES: permission denied;`);
    expect(error.message).not.toContain('damaged');
    expect(error.hint).toContain('run workerctl as the user who owns the workers');
    expect(error.hint).not.toMatch(/move|remove|lost/);
  });

  test.each([desiredPath, desiredCopyPath])('must be named although the other is damaged', (of) => {
    write(desired);
    for (const path of [desiredPath, desiredCopyPath].filter((one) => one !== of))
      writeFileSync(path(scratch.folder()), 'x');
    close(of(scratch.folder()));
    const error = asNobody(() => refusal(() => readDesired(scratch.folder())));
    expect(error.message).toContain(`${of(scratch.folder())} cannot be read`);
    expect(error.hint).not.toMatch(/move|remove|lost/);
  });

  test('must be replaced by its copy', () => {
    write(desired);
    close(desiredPath(scratch.folder()));
    const found = asNobody(() => findDesired(scratch.folder()));
    expect(found.desired).toEqual(desired);
    expect(found.problem).toContain('state.json cannot be read: EACCES');
  });
});

describe('a write that fails', () => {
  test('must be an error, and leave the old text', () => {
    const file = scratch.write('file', '');
    const error = refusal(() => {
      writeDesired(file, desired, { isDurable: true });
    });
    expect(error.code).toBe('state');
    expect(error.message).toContain('state.json: cannot be written: ENOTDIR');
    expect(error.message).toContain('nothing was done');
  });

  test('after which there is only the new copy must count as not made', () => {
    write(noDesired);
    const old = readFileSync(desiredPath(scratch.folder()), 'utf8');
    write(desired);
    scratch.write('state.json', old); // as after a kill between the two renames
    expect(findDesired(scratch.folder())).toEqual({ desired: noDesired });
    write(noDesired);
    const { first, copy } = readCopies(scratch.folder());
    expect(first).toEqual(copy);
    expect(first).toMatchObject({ value: { generation: 3 } });
  });
});

test('a name that every object inherits must work like any other', () => {
  const odd: Desired = { ...noDesired, stopped: { '__proto__.1': { at: momentOf(1), by: 'me' } } };
  write(odd);
  expect(readFileSync(desiredPath(scratch.folder()), 'utf8')).toContain('__proto__.1');
  expect(readDesired(scratch.folder())).toEqual(odd);
});
