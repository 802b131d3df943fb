import { join } from 'node:path';
import { WorkerctlError } from '../../core/basics/error.ts';
import { findProgram } from '../process/find-program.ts';
import type { ChildProcess } from 'node:child_process';
import { userId, trustInKernel, type NotifySocket } from './notify-socket.ts';
import { describeErrno } from '../files/errno.ts';
import { monotonicMs } from '../process/clock.ts';
import { childProcess, eachLine, letUsEndBefore } from '../process/spawn.ts';

/** What became of a message to systemd: `off` when it wants none; `as` the helper it counts only with NotifyAccess=all. */
export type SystemdNotice =
  | { readonly kind: 'sent'; readonly as: 'us' | 'helper' }
  | { readonly kind: 'off' }
  | { readonly kind: 'failed'; readonly why: string };

export interface Interpreter {
  readonly name: 'perl' | 'python3';
  readonly program: string;
  readonly words: readonly string[];
}

/** Perl first: it takes half the memory. Python too, since it is there where perl is not (Fedora and its kin). */
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

/** One line of the helper; notify.pl tells what they mean. */
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

interface RunningHelper {
  readonly kind: 'running';
  /** How many datagrams it has dropped. */
  readonly dropped: () => number;
  readonly send: (address: string, state: string) => Promise<SystemdNotice>;
  readonly ended: Promise<void>;
  readonly close: () => Promise<void>;
}

/** The helper that hears, which may as well speak. */
export let resident: RunningHelper | undefined;
const startLimitMs = 10000;
const endLimitMs = 2000;

/** Starts a helper that hears at `path`, or that only speaks if that is empty; resolves when it is ready or has ended. */
export function startHelper(
  { program, words }: Interpreter,
  path: string,
  hear: (fact: Fact) => void,
): Promise<RunningHelper | { kind: 'ended'; why: string }> {
  return new Promise((resolve) => {
    // Root's workers may have become other users; whose message it is, is seen by the sender in any case.
    const mode = userId() === 0 ? '666' : '600';
    const child = childProcess().spawn(program, [...words, path, mode, String(process.pid)], {
      cwd: '/',
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
      stdio: ['pipe', 'pipe', 'ignore'],
      // A session of its own: Ctrl-C at the terminal must not end it before us.
      detached: true,
    });
    const { stdin, stdout } = child;
    let why: string | undefined;
    let dropped = 0;
    const waiting: ((notice: SystemdNotice) => void)[] = [];
    const limit = setTimeout(() => {
      why = `it was not ready after ${startLimitMs / 1000} s`;
      child.kill('SIGKILL');
    }, startLimitMs);
    const ended = new Promise<void>((end) => {
      const finish = (how: string): void => {
        clearTimeout(limit);
        for (const tell of waiting.splice(0)) tell({ kind: 'failed', why: why ?? how });
        resolve({ kind: 'ended', why: why ?? how });
        end();
      };
      child.once('error', (error) => {
        finish(describeErrno(error));
      });
      child.once('close', (status, signal) => {
        finish(`it ended with ${signal ?? `exit status ${String(status)}`}`);
      });
    });
    stdin.on('error', () => undefined); // its end is told by `close`
    const helper: RunningHelper = {
      kind: 'running',
      dropped: () => dropped,
      ended,
      send: (address, state) =>
        new Promise((tell) => {
          if (!stdin.writable) {
            tell({ kind: 'failed', why: 'the helper has ended' });
            return;
          }
          waiting.push(tell);
          stdin.write(`${hexOf(address)} ${hexOf(state)}\n`);
        }),
      close: () => endHelper(child, ended),
    };
    eachLine(stdout, (line) => {
      const fact = JSON.parse(line) as Fact;
      if (fact.hex !== undefined) hear(fact);
      else if (fact.ready !== undefined) {
        clearTimeout(limit);
        letUsEndBefore(child);
        resolve(helper);
      } else if (fact.dropped !== undefined) dropped += fact.dropped;
      else if (fact.error !== undefined) why = fact.error;
      else waiting.shift()?.(noticeIn(fact));
    });
  });
}
const hexOf = (text: string): string => Buffer.from(text).toString('hex');
const noticeIn = ({ sent, unsent = '' }: Fact): SystemdNotice =>
  sent === undefined ? { kind: 'failed', why: unsent } : { kind: 'sent', as: sent };

/** It ends when its input does, and removes its socket. */
async function endHelper(child: ChildProcess, ended: Promise<void>): Promise<void> {
  const limit = setTimeout(() => child.kill('SIGKILL'), endLimitMs);
  child.stdin?.end();
  await ended;
  clearTimeout(limit);
}

/** How long to wait before it is started again; after the last one never. */
const restartDelaysMs = [100, 1000, 5000, 30000, 120000];

/** One that has lived so long has earned all of its restarts anew. */
const provenMs = 600000;

export function keptRunning(
  first: RunningHelper,
  interpreter: Interpreter,
  path: string,
  hear: (fact: Fact) => void,
): NotifySocket {
  let helper: RunningHelper | undefined;
  let droppedBefore = 0;
  let restarts = 0;
  let attempts = 0;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  const use = (started: RunningHelper): void => {
    helper = resident = started;
    const since = monotonicMs();
    void started.ended.then(() => {
      droppedBefore += started.dropped();
      helper = undefined;
      if (resident === started) resident = undefined;
      if (monotonicMs() - since > provenMs) attempts = 0;
      restartLater();
    });
  };
  const restartLater = (): void => {
    const delay = restartDelaysMs[attempts];
    attempts += 1;
    if (isClosed || delay === undefined) return;
    timer = setTimeout(() => void restart(), delay).unref();
  };
  const restart = async (): Promise<void> => {
    restarts += 1;
    const started = await startHelper(interpreter, path, hear);
    if (started.kind === 'ended') restartLater();
    else if (isClosed) await started.close();
    else use(started);
  };
  use(first);

  return {
    kind: 'open',
    environmentFor: () => (helper === undefined ? {} : { NOTIFY_SOCKET: path }),
    describe: () => {
      const dropped = droppedBefore + (helper?.dropped() ?? 0);
      const facts = [
        helper === undefined ? 'its helper has died: workers are not heard' : trustInKernel,
        ...(restarts > 0 ? [`helper restarts: ${restarts}`] : []),
        ...(dropped > 0
          ? [`messages dropped (too long, too many, or the sender gone): ${dropped}`]
          : []),
      ];
      return { name: interpreter.name, trust: facts.join('; ') };
    },
    close: async () => {
      isClosed = true;
      clearTimeout(timer);
      await helper?.close();
    },
  };
}
