import type { ChildProcess } from 'node:child_process';
import { childProcess } from './child-process.ts';
import { describeErrno, errnoOf } from './errno.ts';

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
const limitMs = 3_000;

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
