import { join } from 'node:path';
import type { Witnessed } from '../../core/model/process.ts';
import { testable } from '../files/fault-point.ts';
import { findProgram } from './find-program.ts';
import { childProcess, helperEnvironment } from './spawn.ts';
import type { QuietSignal } from '../../core/model/config.ts';

/** The result of asking a process: `gone` if it was dead already, `denied` if it is another user's. */
export type Asked = 'sent' | 'gone' | 'denied';

/** A process that is asked to finish. `stopFile` was written with `sent: false`. */
export interface Question {
  readonly process: Witnessed;
  readonly signal: QuietSignal;
  readonly stopFile: string;
  /** What is written over the first bytes of the stop file once the signal was sent; as long as what it replaces. */
  readonly mark: string;
}

/** From this many processes on, perl has asked them all sooner than a shell. */
const many = 8;

/**
 * Sends each process its signal, exactly once: a helper checks each identity again, sends, and notes in the stop file that it
 * did. The helper holds the pass lock too, and finishes even if we are killed meanwhile: the next pass finds each stop either
 * sent and noted, or not sent.
 */
export function askToFinish(
  questions: readonly Question[],
  passLockFd: number | undefined,
): readonly Asked[] {
  if (questions.length === 0) return [];
  const words = questions.flatMap(({ process, signal, stopFile, mark }) => [
    String(process.pid),
    String(process.startTime),
    signal,
    stopFile,
    mark,
  ]);
  const perl =
    questions.length < testable('MANY_SIGNALS', many)
      ? undefined
      : findProgram('perl', process.env);
  const [program, script] =
    perl === undefined ? (['/bin/sh', 'signal.sh'] as const) : ([perl, 'signal.pl'] as const);
  const result = childProcess().spawnSync(program, [join(__dirname, script), ...words], {
    stdio: ['ignore', 'pipe', 'inherit', passLockFd ?? 'ignore'],
    // A session of its own, out of reach of Ctrl-C. (spawnSync supports this, its types do not.)
    ...{ detached: true },
    env: {
      ...helperEnvironment,
      WORKERCTL_TEST_DIE_BEHIND: process.env['WORKERCTL_TEST_DIE_BEHIND'],
    },
    encoding: 'utf8',
  });
  if (result.error !== undefined) throw result.error;
  const answers = result.stdout.split('\n') as Asked[];
  return questions.map((_, index) => answers[index] ?? 'gone');
}

/** Sends a signal (without SIG) that may be repeated to a process whose identity was checked just before. */
export function sendSignal({ pid }: Witnessed, signal: string): void {
  process.kill(pid, `SIG${signal}`);
}
