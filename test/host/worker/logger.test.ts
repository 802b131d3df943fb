import {
  appendFileSync,
  closeSync,
  constants,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { useScratch, type Child } from '../../rig/scratch.ts';
import { endProcess, isAlive } from '../../rig/kernel.ts';
import { until } from '../../rig/wait.ts';

const scratch = useScratch();
const script = fileURLToPath(new URL('../../../src/host/worker/logger.sh', import.meta.url));

interface Logger {
  readonly lockHelper: Child;
  readonly write: (text: string) => void;
  /** Closes the only writing end. */
  readonly end: () => void;
  readonly said: () => string;
}

/** Runs logger.sh on a pipe, as start-logger.ts does. */
function runLogger(...words: string[]): Logger {
  const fifo = scratch.path('fifo');
  execFileSync('mkfifo', [fifo]);
  const both = openSync(fifo, constants.O_RDWR);
  const read = openSync(fifo, 'r');
  const write = openSync(fifo, 'w');
  closeSync(both);
  rmSync(fifo);
  const file = openSync(scratch.path('said.log'), 'a');
  const lockHelper = scratch.run(['/bin/sh', script, 'mail.1', '022', ...words], {
    stdio: [read, file, file],
    detached: true,
  });
  for (const fd of [read, file]) closeSync(fd);
  return {
    lockHelper,
    write: (text) => {
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length;) at += writeSync(write, bytes, at);
    },
    end: () => {
      closeSync(write);
    },
    said: () => readFileSync(scratch.path('said.log'), 'utf8'),
  };
}

const out = (): string => {
  appendFileSync(scratch.path('out'), '');
  return readFileSync(scratch.path('out'), 'utf8');
};

/** A logger that kills itself as by `kill -9` after this many lines, when it has written all that it has read. */
const mortal = (lines: number): string =>
  `n=0; while IFS= read -r line; do printf '%s\\n' "$line" >>"$SCRATCH/out"; n=$((n + 1)); [ $n -lt ${lines} ] || kill -9 $$; done`;

const numbers = (count: number): string =>
  Array.from({ length: count }, (_, i) => `${i}\n`).join('');

describe('a logger', () => {
  test('must get all lines, and end with the last writer', async () => {
    const logger = runLogger('sh', '-c', 'cat >>"$SCRATCH/out"');
    logger.write(numbers(1_000));
    logger.end();
    await logger.lockHelper.ended();
    expect(out()).toBe(numbers(1_000));
    expect(logger.said()).toBe('');
  });

  test('must be started again when it is killed, and no line is lost', async () => {
    const logger = runLogger('sh', '-c', mortal(300));
    logger.write(numbers(1_000));
    await until('three deaths', () => logger.said().match(/status 137/g)?.length === 3);
    expect(isAlive(logger.lockHelper.pid)).toBe(true);
    logger.end();
    await logger.lockHelper.ended();
    expect(out()).toBe(numbers(1_000));
  });

  test('must be started again if another process kills it', async () => {
    const logger = runLogger('sh', '-c', 'echo $$ >"$SCRATCH/pid"; exec cat >>"$SCRATCH/out"');
    logger.write('a\n');
    await until('the first line', () => out() === 'a\n');
    // What a logger has read and not yet written dies with it: nothing is written until it is dead.
    await endProcess(Number(readFileSync(scratch.path('pid'), 'utf8')));
    logger.write('b\n');
    await until('the second line', () => out() === 'a\nb\n');
    logger.end();
    await logger.lockHelper.ended();
  });

  test('must be started once more for output that it left unread at the end', async () => {
    const logger = runLogger('sh', '-c', mortal(3));
    logger.write(numbers(5));
    logger.end();
    await logger.lockHelper.ended();
    expect(out()).toBe(numbers(5));
  });

  test('must be given up if it exits again and again, and the lines go to the file', async () => {
    const logger = runLogger('sh', '-c', 'exit 3');
    logger.write(numbers(10));
    await until('its end', () => logger.said().includes('ended 5 times in a row'));
    logger.write(`${'x'.repeat(200_000)}\n`); // more than a pipe holds: no writer must wait for ever
    logger.end();
    await logger.lockHelper.ended();
    expect(logger.said().match(/has ended \(status 3\)/g)).toHaveLength(5);
    expect(logger.said()).toContain(`${numbers(10)}${'x'.repeat(200_000)}\n`);
  });

  test('must have its signals at their defaults', async () => {
    const logger = runLogger('sh', '-c', 'grep SigIgn /proc/self/status; cat >/dev/null');
    await until('its words', () => logger.said().includes('SigIgn'));
    expect(logger.said()).toMatch(/SigIgn:\s+0+\n/);
    logger.end();
    await logger.lockHelper.ended();
  });

  test('must outlive a TERM to logger.sh as long as the pipe has a writer', async () => {
    const logger = runLogger('sh', '-c', 'echo up; cat >>"$SCRATCH/out"');
    await until('its words', () => logger.said() === 'up\n');
    process.kill(logger.lockHelper.pid, 'SIGTERM');
    logger.write('a\n');
    await until('the line', () => out() === 'a\n');
    expect(isAlive(logger.lockHelper.pid)).toBe(true);
    logger.end();
    await logger.lockHelper.ended();
  });
});
