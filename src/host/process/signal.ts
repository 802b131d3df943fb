import { join } from 'node:path';
import type { ProcessIdentity } from '../../core/model/process.ts';
import { childProcess } from './spawn.ts';
import type { QuietSignal } from '../../core/model/config.ts';

/** What came of asking a process: `gone` when it was dead already, `denied` when it is another user's. */
export type Asked = 'sent' | 'gone' | 'denied';

/** One process to be asked to finish. `stopFile` was written with `sent: false`. */
export interface Question {
  readonly process: ProcessIdentity;
  readonly signal: QuietSignal;
  readonly stopFile: string;
}

/**
 * Sends each process its signal, exactly once: a helper does it, checks each identity once more just before, and notes
 * in the stop file that it is done. It has the pass lock too, and goes on if we are killed meanwhile: a pass that comes
 * after finds each stop either sent and noted, or not sent.
 */
export function askToFinish(
  questions: readonly Question[],
  passLockFd: number | undefined,
): readonly Asked[] {
  if (questions.length === 0) return [];
  const words = questions.flatMap(({ process, signal, stopFile }) => [
    String(process.pid),
    String(process.startTime),
    signal,
    stopFile,
  ]);
  const result = childProcess().spawnSync('/bin/sh', [join(__dirname, 'signal.sh'), ...words], {
    stdio: ['ignore', 'pipe', 'inherit', passLockFd ?? 'ignore'],
    // A session of its own: Ctrl-C at the terminal must not reach it. (spawnSync knows it, its types do not.)
    ...{ detached: true },
    encoding: 'utf8',
  });
  if (result.error !== undefined) throw result.error;
  const answers = result.stdout.split('\n') as Asked[];
  return questions.map((_, index) => answers[index] ?? 'gone');
}

/** Sends a signal that may come twice, to a process whose identity was checked just before. */
export function sendSignal(pid: number, signal: QuietSignal): void {
  process.kill(pid, `SIG${signal}`);
}
