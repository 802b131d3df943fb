import { durationOf } from '../../core/basics/time.ts';
import { problemOf, runProgram } from './run-program.ts';

/** The answer of a program: what it printed, or that there is no such program, or why it did not answer. */
export type Answer =
  | {
      readonly kind: 'said';
      readonly status: number;
      readonly text: string;
      readonly error: string;
    }
  | { readonly kind: 'absent' }
  | { readonly kind: 'failed'; readonly problem: string };

/** Asks a program, given its name or path, its arguments and what it finds on its standard input. */
export type Ask = (program: string, words: readonly string[], input?: string) => Promise<Answer>;

/** Longer than any of these programs takes on a healthy host. */
const timeout = durationOf(3000);

/** Searched after PATH, because cron's is short. */
const usualPath = '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin';

/** Asks programs that are quick, with the environment `env`. An answer comes within about 3 seconds. */
export const createAsk =
  (env: NodeJS.ProcessEnv): Ask =>
  async (program, words, input) => {
    const { PATH = '' } = env;
    const { end, stdout, stderr } = await runProgram({
      command: [program, ...words],
      directory: '/',
      environment: {
        ...env,
        PATH: PATH === '' ? usualPath : `${PATH}:${usualPath}`,
        LC_ALL: 'C',
      },
      timeout,
      ...(input !== undefined && { input }),
    });
    if (end.kind === 'exited')
      return { kind: 'said', status: end.status, text: stdout, error: stderr };
    if (end.kind === 'not_started' && end.code === 'ENOENT') return { kind: 'absent' };
    return { kind: 'failed', problem: `${program}: ${problemOf(end) ?? ''}` };
  };

/** `Name=value`, a line each, as systemctl and loginctl show them. */
export function propertiesIn(answer: Answer): Record<string, string> {
  if (answer.kind !== 'said' || answer.status !== 0) return {};
  const pairs = answer.text.split('\n').flatMap((line): [string, string][] => {
    const at = line.indexOf('=');
    return at === -1 ? [] : [[line.slice(0, at), line.slice(at + 1).trim()]];
  });
  return Object.fromEntries(pairs);
}

/** Why a program gave no answer. */
export function unansweredBecause(answer: Answer): string {
  switch (answer.kind) {
    case 'absent':
      return 'the program is not installed';
    case 'failed':
      return answer.problem;
    case 'said':
      return answer.error.trim().split('\n')[0] || `exit status ${answer.status}`;
  }
}
