import { readdirSync, readFileSync, renameSync, statSync, type PathLike } from 'node:fs';
import type * as fs from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { writeMetricsFile } from '../../../src/host/install/system-file.ts';
import { useScratch } from '../../rig/scratch.ts';

vi.mock('node:fs', async (original) => {
  const real = await original<typeof fs>();
  return { ...real, renameSync: vi.fn(real.renameSync) };
});

const scratch = useScratch();

describe('a metrics file', () => {
  test.each([0o000, 0o022, 0o077])(
    'must be readable for all, and writable for its owner alone, with umask %o',
    (umask) => {
      const before = process.umask(umask);
      writeMetricsFile(scratch.path('a.prom'), 'up 1\n');
      expect(process.umask(before)).toBe(umask);
      expect(statSync(scratch.path('a.prom')).mode & 0o777).toBe(0o644);
    },
  );

  test('must not be read by the collector before it is whole', () => {
    const seen: PathLike[] = [];
    vi.mocked(renameSync).mockImplementationOnce((from) => {
      seen.push(from);
    });
    writeMetricsFile(scratch.path('a.prom'), 'up 1\n');
    expect(seen).toHaveLength(1);
    expect(String(seen[0])).not.toMatch(/\.prom$/);
    expect(readFileSync(String(seen[0]), 'utf8')).toBe('up 1\n');
  });

  test('must be replaced', () => {
    const path = scratch.write('a.prom', 'old\n');
    writeMetricsFile(path, 'new\n');
    expect(readFileSync(path, 'utf8')).toBe('new\n');
    expect(readdirSync(scratch.folder())).toEqual(['a.prom']);
  });

  test('that cannot be written must be named', () => {
    const path = scratch.path('none/a.prom');
    const before = process.umask(0o027);
    expect(() => {
      writeMetricsFile(path, 'up 1\n');
    }).toThrow(
      `metrics file ${path}: expected to write it, found ENOENT: no such file or directory`,
    );
    expect(process.umask(before)).toBe(0o027);
  });
});
