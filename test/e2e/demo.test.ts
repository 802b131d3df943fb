import { execa } from 'execa';
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const launcher = fileURLToPath(new URL('../../bin/workerctl', import.meta.url));
const escape = String.fromCharCode(27);

let folder = '';

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'workerctl-demo-test-')));
});

afterEach(() => {
  for (const pid of processesOf(folder)) process.kill(pid, 'SIGKILL');
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
});

const startDemo = () =>
  execa(process.execPath, [launcher, 'demo'], {
    env: { TMPDIR: folder },
    stdin: 'ignore',
    all: true,
    reject: false,
    timeout: 50_000,
  });

/** Those of the demo in this folder, by their environment: its workers, their shims, and the commands that it runs. */
function processesOf(place: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => readOr(`/proc/${name}/environ`).includes(`=${place}/workerctl-demo-`))
    .filter((name) => !/\) [ZX] /.test(readOr(`/proc/${name}/stat`)))
    .map(Number);
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

test('demo must tell a story that holds, without escape codes in a pipe, and leave nothing', async () => {
  const { exitCode, all } = await startDemo();
  expect(exitCode, all).toBe(0);
  for (const next of ['init', 'check', 'start', 'restart'])
    expect(all.slice(all.indexOf('The story holds'))).toContain(`  workerctl ${next}`);
  expect(all).not.toContain(escape);
  expect(all).not.toMatch(/^ *NO /m);
  expect(all).toMatch(/report: done by delayed_job\.\d, pid \d+, code version 1/);
  expect(all).toMatch(/^ *3 of 3 on 2 in .*none killed$/m);
  expect(all).toMatch(/letter: done by delayed_job\.\d, pid \d+, code version 2/);
  expect(processesOf(folder)).toEqual([]);
  expect(readdirSync(folder)).toEqual([]);
});

test.each(['SIGINT', 'SIGTERM'] as const)('demo must leave nothing after %s', async (signal) => {
  const running = startDemo();
  const workersRun = new Promise<void>((resolve) => {
    let printed = '';
    running.all.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
      if (printed.includes('restart --graceful &')) resolve();
    });
  });
  await Promise.race([workersRun, running]);
  expect(processesOf(folder).length).toBeGreaterThan(0);
  running.kill(signal);
  const { exitCode } = await running;
  expect(exitCode).toBeGreaterThan(0);
  expect(processesOf(folder)).toEqual([]);
  expect(readdirSync(folder)).toEqual([]);
});
