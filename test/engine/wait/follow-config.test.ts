import { mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { configKeyOf, newConfigKey } from '../../../src/engine/wait/follow-config.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'workerctl-config-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});
const path = (): string => join(folder, 'workerctl.yaml');

/** Writes the file, with a time that is this many ms from now. */
function write(text: string, fromNow: number): void {
  writeFileSync(path(), text);
  const at = (Date.now() + fromNow) / 1000;
  utimesSync(path(), at, at);
}

describe('a config that has changed', () => {
  test.each([
    ['is finer than ours', 0.7],
    ['of another host is ahead', 300],
  ])('must be whole before it is read if the clock of the file system %s', async (_, fromNow) => {
    write('workers: {a: {}}', -5_000);
    const key = configKeyOf(path());
    write('', fromNow); // it is being written in place
    const found = newConfigKey(path(), key);
    write('workers: {b: {}}', fromNow);
    expect(await found).toBe(configKeyOf(path()));
    expect(Date.now() - statSync(path()).mtimeMs).toBeGreaterThanOrEqual(200);
  });

  test('must be read at once if it is old, or if its time is far ahead', async () => {
    write('a', -5_000);
    const key = configKeyOf(path());
    expect(await newConfigKey(path(), key)).toBeUndefined();
    for (const fromNow of [-1_000, 3_600_000]) {
      write('b', fromNow);
      expect(await newConfigKey(path(), key)).toBe(configKeyOf(path()));
    }
  });

  test('must not be read if it is gone', async () => {
    expect(await newConfigKey(path(), 'x')).toBeUndefined();
  });
});
