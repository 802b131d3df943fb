import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { logTypeProblem, openLog, openProblem } from '../../../src/host/logs/open-log.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();

function fifo(): string {
  execFileSync('mkfifo', [scratch.path('fifo')]);
  return scratch.path('fifo');
}

/** O_LARGEFILE and O_CLOEXEC, see open(2). */
const ignored = 0o2100000;

/** Opens a log and closes it again: the flags that it was opened with, or why it could not be opened. */
function opened(path: string): number | string {
  try {
    const fd = openLog(path, 0o640);
    const flags = /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
    closeSync(fd);
    return parseInt(flags ?? '', 8) & ~ignored;
  } catch (error) {
    return openProblem(path, error);
  }
}

const forAppending = constants.O_WRONLY | constants.O_APPEND;

test('a file must be created with its mode, and appended to by blocking writes', () => {
  const path = scratch.path('x.log');
  expect(opened(path)).toBe(forAppending);
  expect(statSync(path).mode & 0o777).toBe(0o640);
  for (const text of ['a', 'b']) {
    const fd = openLog(path, 0o640);
    writeSync(fd, text);
    closeSync(fd);
  }
  expect(readFileSync(path, 'utf8')).toBe('ab');
});

test('null and what a process has open must be allowed, also by a link', () => {
  const path = fifo();
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY);
  try {
    symlinkSync(`/proc/self/fd/${writer}`, scratch.path('output'));
    symlinkSync('output', scratch.path('link.log'));
    symlinkSync('/dev/null', scratch.path('null.log'));
    for (const log of ['/dev/null', scratch.path('null.log'), scratch.path('link.log')])
      expect(opened(log), log).toBe(forAppending);
    for (const log of [`/proc/self/fd/${writer}`, `/proc/${process.pid}/fd/${writer}`])
      expect([logTypeProblem(log), opened(log)], log).toEqual([undefined, forAppending]);
  } finally {
    closeSync(writer);
    closeSync(reader);
  }
});

test('a pipe that no process reads must be refused at once', () => {
  const path = fifo();
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY);
  closeSync(reader);
  expect(opened(`/proc/self/fd/${writer}`)).toContain('a pipe that no process reads');
  closeSync(writer);
});

test('a FIFO, a directory, a device and a socket must be refused, also by a link', async () => {
  mkdirSync(scratch.path('folder'));
  const server = createServer().listen(scratch.path('socket'));
  await new Promise((resolve) => server.once('listening', resolve));
  const path = fifo();
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const kinds = {
      [path]: 'a FIFO',
      [scratch.path('folder')]: 'a directory',
      [scratch.path('socket')]: 'a socket',
      '/dev/zero': 'a device',
      '/dev/full': 'a device',
    };
    for (const [at, kind] of Object.entries(kinds)) {
      const link = scratch.path(`${kind} ${at.replaceAll('/', '_')}`);
      symlinkSync(at, link);
      for (const log of [at, link]) {
        expect(opened(log), log).toContain(`, found ${kind}`);
        expect(logTypeProblem(log), log).toMatchObject({ found: kind });
      }
    }
  } finally {
    closeSync(reader);
    server.close();
  }
  expect(opened(path), 'without a reader').toContain(', found a FIFO');
  expect(logTypeProblem(scratch.path('none'))).toBeUndefined();
});
