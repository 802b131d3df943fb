import { renameSync, rmSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { watchDirectory, type DirectoryWatch } from '../../../src/host/files/watch-directory.ts';
import { until } from '../../rig/wait.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();
const never = new AbortController().signal;
const open: DirectoryWatch[] = [];

afterEach(() => {
  for (const watch of open.splice(0)) watch.close();
});

function watched(path = scratch.folder(), isRelevant?: (file: string) => boolean): DirectoryWatch {
  const watch = watchDirectory(path, isRelevant);
  open.push(watch);
  return watch;
}

/** All changes until one has this name. */
async function changesUntil(watch: DirectoryWatch, name: string): Promise<Set<string>> {
  const seen = new Set<string>();
  while (!seen.has(name)) for (const one of await watch.changes(10_000, never)) seen.add(one);
  return seen;
}

describe('a change', () => {
  test('must end the waiting long before its limit', async () => {
    const watch = watched();
    const startedAt = performance.now();
    const changed = watch.changes(30_000, never);
    scratch.write('mail.1.exit', '');
    expect([...(await changed)]).toContain('mail.1.exit');
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });

  test('by rename must be noticed under the new name', async () => {
    scratch.write('mail.1.exit.new', '');
    const watch = watched();
    renameSync(scratch.path('mail.1.exit.new'), scratch.path('mail.1.exit'));
    expect(await changesUntil(watch, 'mail.1.exit')).toContain('mail.1.exit');
  });

  test('by removal must be noticed', async () => {
    scratch.write('mail.1.pid', '');
    const watch = watched();
    rmSync(scratch.path('mail.1.pid'));
    expect(await changesUntil(watch, 'mail.1.pid')).toContain('mail.1.pid');
  });

  test('of many files at once must be reported at once', async () => {
    const watch = watched();
    const changed = watch.changes(30_000, never);
    const names = Array.from({ length: 50 }, (_, index) => `mail.${index}.exit`);
    for (const name of names) scratch.write(name, '');
    expect([...(await changed)].sort()).toEqual(names.sort());
  });

  test('must be known before it is waited for, and be named then, too', async () => {
    const watch = watched();
    scratch.write('mail.1.exit', '');
    await until('the report of the kernel', () => [...watch.coming()].includes('mail.1.exit'));
    expect([...(await watch.changes(0, never))]).toContain('mail.1.exit');
    expect([...watch.coming()]).toEqual([]);
  });

  test('of a file that is not relevant must not end the waiting', async () => {
    const watch = watched(scratch.folder(), (file) => file !== 'pass.lock');
    scratch.write('pass.lock', '');
    expect([...(await watch.changes(100, never))]).toEqual([]);
    scratch.write('mail.1.exit', '');
    expect([...(await changesUntil(watch, 'mail.1.exit'))]).toEqual(['mail.1.exit']);
  });

  test('between two waits must neither be lost nor reported twice', async () => {
    const watch = watched();
    scratch.write('a', '');
    await changesUntil(watch, 'a');
    scratch.write('b', '');
    // In any order of the kernel's reports, the second wait begins after the change.
    await new Promise(setImmediate);
    const seen = await changesUntil(watch, 'b');
    expect(seen).toContain('b');
    expect([...(await watch.changes(50, never))]).toEqual([]);
  });
});

describe('without a change', () => {
  test('waiting must end after its limit, without names', async () => {
    const startedAt = performance.now();
    expect([...(await watched().changes(100, never))]).toEqual([]);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(95);
  });

  test('a limit of 0 must mean no waiting', async () => {
    expect([...(await watched().changes(0, never))]).toEqual([]);
    expect([...(await watched().changes(-5, never))]).toEqual([]);
  });

  test('an abort must end the waiting', async () => {
    const abort = new AbortController();
    const startedAt = performance.now();
    const waiting = watched().changes(30_000, abort.signal);
    abort.abort();
    expect([...(await waiting)]).toEqual([]);
    expect([...(await watched().changes(30_000, abort.signal))]).toEqual([]);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });
});

describe('a directory that cannot be watched', () => {
  test('must be looked at again soon', async () => {
    const startedAt = performance.now();
    expect([...(await watched(scratch.path('nowhere')).changes(30_000, never))]).toEqual([]);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });
});
