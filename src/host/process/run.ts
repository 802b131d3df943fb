import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { formatDeath } from '../../core/model/record.ts';
import { durationOf, formatDuration, type Duration } from '../../core/basics/time.ts';
import { childProcess } from './spawn.ts';
import { monotonicMs, sleep } from './clock.ts';
import { describeErrno, errnoOf } from '../files/errno.ts';

/** What is run. */
export interface HookRun {
  readonly command: readonly string[];
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  /** What it finds on its standard input. */
  readonly input: string;
  /** After so long it is killed, with all that it has started in its group. */
  readonly timeout: Duration;
}

/** How it went. */
export interface HookEnd {
  /** In words; undefined: exit status 0. */
  readonly problem?: string;
  readonly took: Duration;
  /** The last lines that it printed, of both outputs. */
  readonly output: readonly string[];
}

const keptBytes = 16 * 1024;
const keptLines = 20;

/** How long what it has left in the background may keep its outputs open. */
const lingerMs = 100;

/** Runs a hook, without a shell and in a session of its own. Never throws: what goes wrong is its end. */
export async function runHook(run: HookRun): Promise<HookEnd> {
  const begun = monotonicMs();
  const took = (): Duration => durationOf(Math.round(monotonicMs() - begun));
  let child: ChildProcess;
  try {
    child = start(run);
  } catch (error) {
    return { problem: describeErrno(error), took: took(), output: [] };
  }
  const output = lastBytes(child);
  // It need not read what it is told.
  child.stdin?.on('error', () => undefined).end(run.input);
  const problem = await endOf(child, run.timeout);
  return { ...(problem !== undefined && { problem }), took: took(), output: output() };
}

const start = ({ command: [program = '', ...words], directory, environment }: HookRun) =>
  childProcess().spawn(program, words, {
    cwd: directory,
    env: { ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });

function lastBytes({ stdout, stderr }: ChildProcess): () => string[] {
  let kept = Buffer.alloc(0);
  const keep = (bytes: Buffer): void => {
    kept = Buffer.concat([kept, bytes]).subarray(-keptBytes);
  };
  stdout?.on('data', keep);
  stderr?.on('data', keep);
  return () => {
    const lines = kept.toString('utf8').split('\n');
    if (lines.at(-1) === '') lines.pop();
    return lines.slice(-keptLines);
  };
}

/** Why it did not end well, in words. */
async function endOf(child: ChildProcess, timeout: Duration): Promise<string | undefined> {
  const ended = new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => {
      resolve(describeErrno(error));
    });
    child.once('exit', (code, signal) => {
      resolve(problemOf(code, signal));
    });
  });
  const closed = new Promise<void>((resolve) => {
    child.once('close', resolve).once('error', resolve);
  });
  const timer = new AbortController();
  const late = sleep(timeout, timer.signal).then(() => 'late' as const);
  const first = await Promise.race([ended, late]);
  if (first === 'late') killGroup(child);
  const problem = await ended;
  timer.abort();
  await Promise.race([closed, sleep(lingerMs)]);
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
  return first === 'late' ? `no end within ${formatDuration(timeout)}, killed` : problem;
}

function problemOf(code: number | null, signal: NodeJS.Signals | null): string | undefined {
  if (signal !== null) {
    const number = constants.signals[signal];
    return formatDeath({ kind: 'signalled', signal: number, coreDumped: false });
  }
  return code === 0 ? undefined : formatDeath({ kind: 'exited', status: code ?? 0 });
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL'); // it is not reaped yet: the number is still its own
  } catch {
    return;
  }
}

/** What came of asking a program: what it said, or that there is none, or none that answers. */
export type Answer =
  | {
      readonly kind: 'said';
      readonly status: number;
      readonly text: string;
      readonly error: string;
    }
  | { readonly kind: 'absent' }
  | { readonly kind: 'failed'; readonly why: string };

/** Asks a program: its name or path, and its words. */
export type Ask = (program: string, words: readonly string[]) => Promise<Answer>;

/** So long may a program take that is asked for something. */
const limitMs = 3000;

/** More is of no use to anybody who asks. */
const longest = 256 * 1024;

/** Looked through behind PATH, as cron's is short. */
const usualPath = '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin';

/**
 * Asks programs that only look, with the environment `env`. Whatever they do, an answer comes within 3 seconds; who takes
 * longer is killed, with all that it has started.
 */
export const createAsk =
  (env: NodeJS.ProcessEnv): Ask =>
  (program, words) =>
    new Promise((resolve) => {
      const { PATH = '' } = env;
      const child = childProcess().spawn(program, words, {
        cwd: '/',
        env: { ...env, PATH: PATH === '' ? usualPath : `${PATH}:${usualPath}`, LC_ALL: 'C' },
        stdio: ['ignore', 'pipe', 'pipe'],
        // A session of its own, so that all of it can be ended.
        detached: true,
      });
      const said = collect(child);
      const limit = setTimeout(() => {
        endAll(child);
        resolve({ kind: 'failed', why: `${program}: no answer within ${limitMs / 1000} s` });
      }, limitMs);
      child.once('error', (error) => {
        clearTimeout(limit);
        const isAbsent = errnoOf(error) === 'ENOENT';
        resolve(isAbsent ? { kind: 'absent' } : { kind: 'failed', why: describeErrno(error) });
      });
      child.once('close', (status, signal) => {
        clearTimeout(limit);
        if (status !== null) resolve({ kind: 'said', status, ...said() });
        else resolve({ kind: 'failed', why: `${program}: ${String(signal)}` });
      });
    });

function collect({ stdout, stderr }: ChildProcess): () => { text: string; error: string } {
  const texts = { text: '', error: '' };
  for (const [name, stream] of [
    ['text', stdout],
    ['error', stderr],
  ] as const)
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      if (texts[name].length < longest) texts[name] += chunk;
    });
  return () => texts;
}

/** Whoever is beyond a signal, such as on a dead network file system, is left to itself. */
function endAll(child: ChildProcess): void {
  const { pid, stdout, stderr } = child;
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // it has just ended
  }
  stdout?.destroy();
  stderr?.destroy();
  child.unref();
}
