import { formatSize } from '../../../src/core/basics/bytes.ts';
import { spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { mkdirSync, readdirSync, symlinkSync, truncateSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readBytesUpTo, readTextUpTo, textOrEmpty } from '../../../src/host/files/bounded-read.ts';
import { chunkBytes } from '../../../src/host/files/lines.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();

/** Puts something at a path that is no file, and returns how it is named. */
const places: Readonly<Record<string, (path: string) => void>> = {
  'a directory': (path) => {
    mkdirSync(path);
  },
  'a FIFO': (path) => spawnSync('mkfifo', [path]),
  'a device': (path) => {
    symlinkSync('/dev/zero', path);
  },
};

describe('what is no file must be named, and neither waited for nor read', () => {
  test.each(Object.keys(places))('%s', (found) => {
    const path = scratch.path('x');
    places[found]?.(path);
    expect(readTextUpTo(path)).toEqual({ expected: 'a file', found });
    expect(readBytesUpTo(path)).toEqual({ expected: 'a file', found });
    expect(textOrEmpty(path)).toBe('');
    symlinkSync(path, scratch.path('link'));
    expect(readTextUpTo(scratch.path('link'))).toEqual({ expected: 'a file', found });
  });

  test('a socket', async () => {
    const server = createServer();
    const path = scratch.path('s');
    await new Promise<void>((resolve) => server.listen(path, resolve));
    expect(readTextUpTo(path)).toMatchObject({
      found: expect.stringContaining('socket') as string,
    });
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('a file', () => {
  test.each([0, 1, 999, chunkBytes - 1, chunkBytes, chunkBytes + 1, 3 * chunkBytes])(
    'of %i bytes must be read whole, and refused with a bound that is one byte less',
    (size) => {
      const text = 'é1234567'.repeat(size).slice(0, size);
      const path = scratch.write('a', text);
      const bytes = Buffer.byteLength(text);
      expect(readTextUpTo(path)).toBe(text);
      expect(readTextUpTo(path, bytes)).toBe(text);
      expect(readBytesUpTo(path)).toEqual(Buffer.from(text));
      if (bytes > 0)
        expect(readTextUpTo(path, bytes - 1)).toEqual({
          expected: `at most ${formatSize(bytes - 1)}`,
          found: `${bytes} bytes`,
        });
    },
  );

  test('that is huge must be refused without being read', () => {
    const path = scratch.write('a', '');
    truncateSync(path, 2 ** 40);
    const startedAt = performance.now();
    expect(readTextUpTo(path)).toMatchObject({ found: `${2 ** 40} bytes` });
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });

  test('that has more than the kernel says must be read to its end, or to the bound', () => {
    const path = `/proc/${process.pid}/maps`; // several pages, in short reads, and a size of 0
    expect(readTextUpTo(path)).toContain('[stack]');
    expect(readTextUpTo(path, 100)).toEqual({ expected: 'at most 100B', found: 'more' });
  });

  test('must be the same whatever was read before', () => {
    const long = readBytesUpTo(scratch.write('long', 'x'.repeat(100)));
    expect(readTextUpTo(scratch.write('short', 'ab'))).toBe('ab');
    expect(long).toEqual(Buffer.from('x'.repeat(100)));
  });

  test('that does not exist must cause the system error', () => {
    expect(() => readTextUpTo(scratch.path('none'))).toThrow('ENOENT');
    expect(textOrEmpty(scratch.path('none'))).toBe('');
  });
});

test('whatever is found, no descriptor must stay open', () => {
  const paths = Object.entries(places).map(([kind, put], index) => {
    const path = scratch.path(`${index}`);
    put(path);
    return [kind, path] as const;
  });
  const open = (): number => readdirSync('/proc/self/fd').length;
  const before = open();
  for (const [, path] of paths) for (let turn = 0; turn < 20; turn += 1) textOrEmpty(path);
  for (let turn = 0; turn < 20; turn += 1) textOrEmpty(scratch.write('long', 'xx'), 1);
  expect(open()).toBe(before);
});
