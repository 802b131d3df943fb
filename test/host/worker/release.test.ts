import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, realpathSync, rmSync, symlinkSync, truncateSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { durationOf } from '../../../src/core/basics/time.ts';
import { namedRelease, releaseAt, type Release } from '../../../src/host/worker/release.ts';
import { useScratch } from '../../rig/scratch.ts';
import { isAlive } from '../../rig/kernel.ts';
import { until } from '../../rig/wait.ts';

const scratch = useScratch();

type Source = Parameters<typeof namedRelease>[0];

const release = (source: Source, timeoutMs?: number): Promise<Release> =>
  timeoutMs === undefined
    ? namedRelease(source, scratch.folder())
    : namedRelease(source, scratch.folder(), {}, durationOf(timeoutMs));

const known = (name: string): Release => ({ kind: 'known', release: name });
const unknown = (what: string, found: string): Release => ({
  kind: 'unknown',
  problem: `${what}: expected the name of a release, found ${found}`,
});

test.each([
  ['/srv/releases/20260101', '20260101'],
  ['/srv/mail ', 'mail'],
  ['/', undefined],
])('the release in the directory %s must be %s', (path, name) => {
  expect(releaseAt(path)).toBe(name);
});

describe('in a file', () => {
  const inFile = (text: string): Promise<Release> =>
    release({ kind: 'file', path: scratch.write('REVISION', text) });
  const what = (): string => `release file ${scratch.path('REVISION')}`;

  test.each([
    ['abc123\n', 'abc123'],
    [' v1.2 \r\nmore\n', 'v1.2'],
    ['\u001b[31mred\u0007\u009b\u202e', '[31mred'],
    ['x'.repeat(5_000), 'x'.repeat(100)],
    ['🦊'.repeat(101), '🦊'.repeat(100)],
  ])('must be the first line of %.20j', async (text, name) => {
    expect(await inFile(text)).toEqual(known(name));
  });

  test.each(['', '\nabc', ' \t\n', '\0'])('must be unknown for %j', async (text) => {
    expect(await inFile(text)).toEqual(unknown(what(), 'an empty first line'));
  });

  test('must be unknown if the file is missing, no file, or has no end', async () => {
    const source = { kind: 'file', path: scratch.path('REVISION') } as const;
    const notRead = (found: string): Release => ({
      kind: 'unknown',
      problem: `${what()}: expected a file, found ${found}`,
    });
    expect(await release(source)).toEqual(unknown(what(), 'ENOENT: no such file or directory'));
    mkdirSync(source.path);
    expect(await release(source)).toEqual(notRead('a directory'));
    rmSync(source.path, { recursive: true });
    spawnSync('mkfifo', [source.path]);
    expect(await release(source)).toEqual(notRead('a FIFO'));
    rmSync(source.path);
    symlinkSync('/dev/zero', source.path);
    expect(await release(source)).toEqual(notRead('a device'));
    rmSync(source.path);
    scratch.write('REVISION', '');
    truncateSync(source.path, 2 ** 40);
    expect(await release(source)).toMatchObject({
      problem: `${what()}: expected at most 1MB, found ${2 ** 40} bytes`,
    });
  });
});

describe('by a command', () => {
  const by = (command: string[], timeoutMs?: number): Promise<Release> =>
    release({ kind: 'command', command }, timeoutMs);
  const byShell = (script: string, timeoutMs?: number): Promise<Release> =>
    by(['/bin/sh', '-c', script], timeoutMs);
  const found = (script: string, what: string): Release =>
    unknown(`release command /bin/sh -c ${script}`, what);

  test('must be the first line that it prints', async () => {
    expect(await byShell('echo " v7 "; echo more')).toEqual(known('v7'));
  });

  test('must get its arguments unchanged', async () => {
    expect(await by(['printf', '%s', '$HOME `x` *'])).toEqual(known('$HOME `x` *'));
  });

  test('must run in the directory of the config, and be found from there', async () => {
    expect(await byShell('pwd -P')).toEqual(known(realpathSync(scratch.folder()).slice(0, 100)));
    const script = scratch.write('name', '#!/bin/sh\necho v8\n');
    spawnSync('chmod', ['+x', script]);
    expect(await by(['./name'])).toEqual(known('v8'));
  });

  test('must have a PATH, but not our environment', async () => {
    process.env['RELEASE_TEST'] = 'ours';
    try {
      expect(await byShell('echo "${RELEASE_TEST-none} $LANG $PATH"')).toEqual(
        known('none C.UTF-8 /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'),
      );
    } finally {
      delete process.env['RELEASE_TEST'];
    }
  });

  test('must be unknown if it fails, with the reason', async () => {
    expect(await byShell('echo v7; exit 3')).toEqual(found('echo v7; exit 3', 'exit status 3'));
    const script = 'echo "fatal: no repository" >&2; echo more >&2; exit 128';
    expect(await byShell(script)).toEqual(found(script, 'exit status 128: fatal: no repository'));
    expect(await byShell('kill -SEGV $$')).toEqual(found('kill -SEGV $$', 'signal 11 (SIGSEGV)'));
  });

  test('must be unknown if its first line is empty', async () => {
    expect(await byShell('echo; echo v7')).toEqual(
      found('echo; echo v7', 'nothing on its first line'),
    );
  });

  test('must be unknown if it cannot be started', async () => {
    const file = scratch.write('data', 'x');
    expect(await by(['no-such-program', 'x'])).toEqual(
      unknown('release command no-such-program x', 'no program no-such-program'),
    );
    expect(await by([file])).toMatchObject({
      problem: expect.stringContaining('EACCES') as unknown,
    });
    expect(await by([])).toMatchObject({ kind: 'unknown' });
    expect(
      await namedRelease({ kind: 'command', command: ['true'] }, scratch.path('gone')),
    ).toEqual(unknown('release command true', `no directory ${scratch.path('gone')}`));
  });

  test('must be unknown if it takes too long; it is killed with everything that it started', async () => {
    const script = 'trap "" TERM; sleep 1000 & echo $! >child; echo v7; wait';
    expect(await byShell(script, 1_000)).toEqual(
      found(script, 'that it did not end within 1s and was killed'),
    );
    const child = Number(readFileSync(scratch.path('child'), 'utf8'));
    expect(child).toBeGreaterThan(1);
    await until('the end of its child', () => !isAlive(child));
  });
});
