import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { formatDeath } from '../core/record.ts';
import { durationOf, formatDuration, type Duration } from '../core/time.ts';
import { childProcess } from './child-process.ts';
import { monotonicMs, sleep } from './clock.ts';
import { describeErrno } from './errno.ts';

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
