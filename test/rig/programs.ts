import { execa, type Options } from 'execa';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The built CLI. */
export const launcher = fileURLToPath(new URL('../../bin/workerctl', import.meta.url));

const fixtures = fileURLToPath(new URL('../fixtures/workers', import.meta.url));

/** The path of a fixture program, one of test/fixtures/workers. */
export const fixture = (name: string): string => join(fixtures, name);

/** Of a worker whose record takes more than one write, so that its shim writes it into `.new` and moves it. */
export const longRecord = { log: { file: `${`${'d'.repeat(250)}/`.repeat(9)}mail.log` } };

/** Whether tests that need another user, or the right to change priorities, can run. */
export const isRoot = process.getuid?.() === 0;

export type Variables = Readonly<Record<string, string>>;

/** A program that was started in a test's directory. */
export type Running = ReturnType<typeof runProgram>;

/**
 * Runs a program in a directory. Never throws: the test checks the exit code. Of the environment of the test run it
 * gets only what every shell has, and the lock backend, so that the suites can be run with each of them.
 */
export function runProgram(
  folder: string,
  env: Variables,
  file: string,
  args: readonly string[] = [],
  limitMs = 50_000,
) {
  const {
    PATH = '/usr/bin:/bin',
    HOME = '/',
    USER = '',
    LOGNAME = '',
    WORKERCTL_LOCK,
  } = process.env;
  const base = { PATH, HOME, USER, LOGNAME, LANG: 'C.UTF-8', WORKERCTL_TEST_GROUP: '/' };
  const lock = WORKERCTL_LOCK === undefined ? {} : { WORKERCTL_LOCK };
  const options = {
    cwd: folder,
    env: { ...base, ...lock, ...env },
    extendEnv: false,
    stdin: 'ignore',
    all: true,
    reject: false,
    timeout: limitMs,
    killSignal: 'SIGKILL',
  } as const satisfies Options;
  return execa(file, args, options);
}

/** What a program that still runs has printed so far. */
export function heard(running: { readonly stdout: NodeJS.ReadableStream | null }): () => string {
  let text = '';
  running.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return () => text;
}
