import { join } from 'node:path';
import { WorkerctlError } from '../../core/basics/error.ts';
import { findProgram } from '../process/find-program.ts';
import type { ChildProcess } from 'node:child_process';
import { describeErrno } from '../files/errno.ts';
import { needDescriptors } from '../process/need-descriptors.ts';
import { childProcess, eachLine, helperEnvironment, letUsEndBefore } from '../process/spawn.ts';

/** The result of a message to systemd: `off` if it wants none. Sent `as` the helper, it counts only with NotifyAccess=all. */
export type SystemdNotice =
  | { readonly kind: 'sent'; readonly as: 'us' | 'helper' }
  | { readonly kind: 'off' }
  | { readonly kind: 'failed'; readonly problem: string };

export interface Interpreter {
  readonly name: 'perl' | 'python3';
  readonly program: string;
  readonly words: readonly string[];
}

/** Perl first: it takes half the memory. Python for hosts without perl, such as Fedora. */
const known = [
  { name: 'perl', words: ['notify.pl'] },
  { name: 'python3', words: ['-I', '-S', '-B', 'notify.py'] },
] as const;

export function interpretersHere(env: NodeJS.ProcessEnv): Interpreter[] {
  const { WORKERCTL_NOTIFY: wanted = '' } = env;
  if (!['', 'none', ...known.map(({ name }) => name)].includes(wanted)) {
    throw new WorkerctlError(
      'usage',
      `WORKERCTL_NOTIFY: expected perl, python3 or none, found ${JSON.stringify(wanted)}`,
    );
  }
  return known.flatMap(({ name, words }) => {
    const program = wanted === '' || wanted === name ? findProgram(name, env) : undefined;
    if (program === undefined) return [];
    const script = words.map((word) => (word.startsWith('notify.') ? join(__dirname, word) : word));
    return [{ name, program, words: script }];
  });
}

/** Why there is no interpreter. */
export const noInterpreter = ({ WORKERCTL_NOTIFY: wanted = '' }: NodeJS.ProcessEnv): string =>
  wanted === ''
    ? 'messages of workers (sd_notify) are not received: install perl or python3'
    : `messages of workers (sd_notify) are not received: WORKERCTL_NOTIFY=${wanted}`;

/** One line of the helper, as described in notify.pl. */
export interface Fact {
  readonly ready?: true;
  readonly pid?: number;
  readonly session?: number;
  readonly hex?: string;
  readonly dropped?: number;
  readonly sent?: 'us' | 'helper';
  readonly unsent?: string;
  readonly error?: string;
}

export interface RunningHelper {
  readonly kind: 'running';
  /** The number of datagrams that it has dropped. */
  readonly dropped: () => number;
  readonly send: (address: string, state: string) => Promise<SystemdNotice>;
  readonly ended: Promise<void>;
  readonly close: () => Promise<void>;
}

const startLimitMs = 10_000;

/** To send takes a tenth of a millisecond. */
const sendLimitMs = 3_000;
const endLimitMs = 2_000;

type Started = RunningHelper | { readonly kind: 'ended'; readonly problem: string };

/** Starts a helper that receives at `path`, or only sends if that is empty. Resolves when it is ready or has ended. */
export async function startHelper(
  interpreter: Interpreter,
  path: string,
  hear: (fact: Fact) => void,
): Promise<Started> {
  try {
    needDescriptors();
    return await start(interpreter, path, hear);
  } catch (error) {
    return { kind: 'ended', problem: describeErrno(error) };
  }
}

function start(
  { program, words }: Interpreter,
  path: string,
  hear: (fact: Fact) => void,
): Promise<Started> {
  return new Promise((resolve) => {
    // Root's workers may have become other users. The sender is identified in any case.
    const mode = process.geteuid?.() === 0 ? '666' : '600';
    const child = childProcess().spawn(program, [...words, path, mode, String(process.pid)], {
      cwd: '/',
      env: helperEnvironment,
      stdio: ['pipe', 'pipe', 'ignore'],
      // A session of its own: Ctrl-C at the terminal must not end it before workerctl.
      detached: true,
    });
    const { stdin, stdout } = child;
    let problem: string | undefined;
    let dropped = 0;
    const waiting: ((notice: SystemdNotice) => void)[] = [];
    const limit = setTimeout(() => {
      problem = `it was not ready after ${startLimitMs / 1000} s`;
      child.kill('SIGKILL');
    }, startLimitMs);
    const ended = new Promise<void>((end) => {
      const finish = (how: string): void => {
        clearTimeout(limit);
        for (const answer of waiting.splice(0)) answer({ kind: 'failed', problem: problem ?? how });
        resolve({ kind: 'ended', problem: problem ?? how });
        end();
      };
      child.once('error', (error) => {
        finish(describeErrno(error));
      });
      child.once('close', (status, signal) => {
        finish(`it ended with ${signal ?? `exit status ${String(status)}`}`);
      });
    });
    stdin.on('error', () => undefined); // `close` reports its end
    const helper: RunningHelper = {
      kind: 'running',
      dropped: () => dropped,
      ended,
      send: (address, state) =>
        new Promise((answer) => {
          if (!stdin.writable) {
            answer({ kind: 'failed', problem: 'the helper has exited' });
            return;
          }
          // One that does not answer would hold up the watch; what it was told is answered in order, so none can be left out.
          const tooLate = setTimeout(() => {
            problem = `it has not answered for ${sendLimitMs / 1000} s`;
            child.kill('SIGKILL');
          }, sendLimitMs);
          waiting.push((notice) => {
            clearTimeout(tooLate);
            answer(notice);
          });
          stdin.write(`${hexOf(address)} ${hexOf(state)}\n`);
        }),
      close: () => endHelper(child, ended),
    };
    eachLine(stdout, (line) => {
      const fact = JSON.parse(line) as Fact;
      dropped += fact.dropped ?? 0;
      if (fact.hex !== undefined || fact.dropped !== undefined) hear(fact);
      else if (fact.ready !== undefined) {
        clearTimeout(limit);
        letUsEndBefore(child);
        resolve(helper);
      } else if (fact.error !== undefined) problem = fact.error;
      else waiting.shift()?.(noticeIn(fact));
    });
  });
}
const hexOf = (text: string): string => Buffer.from(text).toString('hex');
const noticeIn = ({ sent, unsent = '' }: Fact): SystemdNotice =>
  sent === undefined ? { kind: 'failed', problem: unsent } : { kind: 'sent', as: sent };

/** It exits at the end of its input, and removes its socket. */
async function endHelper(child: ChildProcess, ended: Promise<void>): Promise<void> {
  const limit = setTimeout(() => child.kill('SIGKILL'), endLimitMs);
  child.stdin?.end();
  await ended;
  clearTimeout(limit);
}
