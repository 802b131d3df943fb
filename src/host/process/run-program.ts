import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { resolve } from 'node:path';
import { getSystemErrorMap } from 'node:util';
import type { execa as Execa } from 'execa';
import { formatDeath } from '../../core/model/record.ts';
import { durationOf, formatDuration, type Duration } from '../../core/basics/time.ts';
import type { Rights } from '../../core/model/account.ts';
import { ownerOf, withRights } from './as-user.ts';
import { closeInheritedFds } from './spawn.ts';
import { captureOutput, noOutput, type CapturedOutput } from './capture-output.ts';
import { monotonicMs, sleep } from './clock.ts';
import { needDescriptors } from './need-descriptors.ts';
import { describeErrno, errnoOf } from '../files/errno.ts';

/** A program that is run to its end, without a shell, in a session of its own. */
export interface Program {
  /** Its name or path, and its arguments. */
  readonly command: readonly string[];
  readonly directory: string;
  /** All of its environment: nothing is inherited. */
  readonly environment: NodeJS.ProcessEnv;
  /** Of the worker that it is run for. Without them: our own. */
  readonly rights?: Rights;
  /** After this time it is killed, with everything in its process group. */
  readonly timeout: Duration;
  /** An abort kills it like the end of the timeout. */
  readonly signal?: AbortSignal;
  /** What it finds on its standard input, which it need not read; by default nothing. */
  readonly input?: string;
  /** `true`: our own process may exit before it. Its output goes to /dev/null, since a broken pipe would kill it. */
  readonly mayOutliveUs?: boolean;
  /** Gets all of its standard output as it comes. */
  readonly hear?: (bytes: Buffer) => void;
  /** How long its outputs are still read after its end, if others keep them open; by default 100 ms. */
  readonly linger?: Duration;
}

/** How it ended. */
export type ProgramEnd =
  | { readonly kind: 'exited'; readonly status: number }
  | { readonly kind: 'signalled'; readonly signal: number }
  | { readonly kind: 'timed_out'; readonly timeout: Duration }
  /** `code` is that of the system error: `ENOENT` if there is no such program (or directory). */
  | { readonly kind: 'not_started'; readonly code: string | undefined; readonly problem: string };

export interface ProgramResult extends CapturedOutput {
  readonly end: ProgramEnd;
  readonly took: Duration;
}

/** How long a child that it left in the background may keep its outputs open, and a killed program may take to die. */
const lingerMs = 100;

/**
 * Runs a program to its end and captures what it prints. Never throws; returns at the latest 100 ms after the timeout. If
 * it exits in time, processes that it left in the background live on.
 */
export async function runProgram(program: Program): Promise<ProgramResult> {
  closeInheritedFds();
  const { execa } = await import('execa'); // takes 11 ms to load
  const startedAt = monotonicMs();
  const resultOf = (end: ProgramEnd, output = noOutput): ProgramResult => ({
    end,
    took: durationOf(Math.round(monotonicMs() - startedAt)),
    ...output,
  });
  try {
    needDescriptors();
    const child = start(execa, program);
    const output = captureOutput(child.stdout, child.stderr);
    if (program.hear !== undefined) child.stdout?.on('data', program.hear);
    const isLate = (await firstOf(child, program)) === 'late';
    const ended = await within(program.linger ?? lingerMs, child);
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
    if (isLate) {
      child.unref(); // in an uninterruptible sleep it ignores even SIGKILL
      return resultOf({ kind: 'timed_out', timeout: program.timeout }, output());
    }
    return resultOf(endOf(ended ?? (await child), program), output());
  } catch (error) {
    return resultOf(notStarted(error, program)); // such as a null byte in an argument
  }
}

/** In words why a program did not end with exit status 0; undefined if it did. */
export function problemOf(end: ProgramEnd): string | undefined {
  switch (end.kind) {
    case 'exited':
      return end.status === 0 ? undefined : formatDeath(end);
    case 'signalled':
      return formatDeath({ ...end, coreDumped: false });
    case 'timed_out':
      return `did not end within ${formatDuration(end.timeout)} and was killed`;
    case 'not_started':
      return end.problem;
  }
}

type Child = ReturnType<typeof start>;

function start(
  execa: typeof Execa,
  { command, directory, environment, rights = {}, input, mayOutliveUs }: Program,
) {
  const output = mayOutliveUs === true ? 'ignore' : 'pipe';
  const isOthers = ownerOf(rights) !== undefined;
  // The other user must be able to enter the directory, not we.
  const prepared = withRights(command, environment, rights, isOthers ? directory : '');
  const [file = '', ...words] = prepared.command;
  const child = execa(file, words, {
    cwd: isOthers ? '/' : directory,
    env: prepared.environment,
    extendEnv: false,
    detached: true, // a session of its own: out of reach of Ctrl-C, and one group to kill
    cleanup: false,
    reject: false,
    buffer: false,
    stdin: input === undefined ? 'ignore' : 'pipe',
    stdout: output,
    stderr: output,
  });
  // At once, and not by the library, which comes to it later: if we are killed in between, it would find nothing.
  child.stdin?.on('error', () => undefined).end(input);
  if (mayOutliveUs === true) child.unref();
  return child;
}

/**
 * Resolves when the program has ended, or was killed because the timeout is over or the signal aborted. (The library's own
 * `timeout` kills the child alone, and then waits for every process that holds its outputs.)
 */
function firstOf(
  child: Child,
  { timeout, signal, mayOutliveUs }: Program,
): Promise<'ended' | 'late'> {
  return new Promise((resolve) => {
    const decide = (how: 'ended' | 'late'): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', late);
      resolve(how);
    };
    const late = (): void => {
      killGroup(child); // now: after an abort we may exit at once
      decide('late');
    };
    const timer = setTimeout(late, timeout);
    if (mayOutliveUs === true) timer.unref();
    signal?.addEventListener('abort', late);
    if (signal?.aborted === true) late();
    // The exit comes before the end of its outputs; without a process there is no exit.
    child.once('exit', () => {
      decide('ended');
    });
    void child.then(() => {
      decide('ended');
    });
  });
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  const timer = new AbortController();
  const first = await Promise.race([promise, sleep(ms, timer.signal).then(() => undefined)]);
  timer.abort();
  return first;
}

/** Until its exit was reported, no other process or group can get its number. */
function killGroup({ pid, exitCode, signalCode }: Child): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    return; // it has become another user's
  }
}

function endOf({ exitCode, signal, cause }: Awaited<Child>, program: Program): ProgramEnd {
  if (exitCode !== undefined) return { kind: 'exited', status: exitCode };
  if (signal !== undefined) return { kind: 'signalled', signal: constants.signals[signal] };
  return notStarted(cause, program);
}

function notStarted(error: unknown, program: Program): ProgramEnd {
  return { kind: 'not_started', code: errnoOf(error), problem: startProblem(error, program) };
}

function startProblem(error: unknown, { command: [file = ''], directory }: Program): string {
  const code = errnoOf(error);
  if (code === 'ENOENT' && !existsSync(directory)) return `no directory ${directory}`;
  if (code === 'ENOENT') {
    const isScript = file.includes('/') && existsSync(resolve(directory, file));
    return isScript ? `no interpreter for ${file}: see its first line` : `no program ${file}`;
  }
  if (code === 'EACCES') return `EACCES: permission denied: is ${file} executable?`;
  // Node's message has the code alone: `spawn pg_isready E2BIG`.
  const errno = error instanceof Error && 'errno' in error ? Number(error.errno) : NaN;
  return getSystemErrorMap().get(errno)?.join(': ') ?? describeErrno(error);
}
