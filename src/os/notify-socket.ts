import type { ChildProcess } from 'node:child_process';
import type * as Crypto from 'node:crypto';
import { lstatSync, realpathSync } from 'node:fs';
import type * as Net from 'node:net';
import { dirname, join } from 'node:path';
import { WorkerctlError } from '../core/error.ts';
import {
  fieldsOfOthers,
  ownWatchdogInterval,
  parseNotifyMessage,
  type NotifyFields,
} from '../core/notify-message.ts';
import { childProcess } from './child-process.ts';
import { monotonicMs } from './clock.ts';
import { describeErrno, errnoOf } from './errno.ts';
import { findProgram } from './find-program.ts';
import { eachLine, letUsEndBefore } from './helper.ts';
import { currentBootId, findProcess, readProcess } from './process-table.ts';
import { readRecord, recordedInstances } from './state-files.ts';
import { makeFolder } from './make-folder.ts';

/** What a process has said by sd_notify(3). */
export interface NotifyMessage {
  /** Who has said it, as the kernel knows it. */
  readonly pid: number;
  /**
   * Whose it is: the name of the living instance to whose session the sender belongs (`mail.1~2298f067` for an old
   * process that is leaving). Undefined when it is nobody's: then it must count for nobody.
   */
  readonly instance?: string;
  readonly fields: NotifyFields;
}

/** The socket of one state directory, heard by a helper process for as long as it is open. */
export interface NotifySocket {
  readonly kind: 'open';
  /** What a worker's environment must hold; nothing while nobody hears: some workers die when they speak to nobody. */
  readonly environmentFor: (instance: string) => Record<string, string>;
  readonly describe: () => { name: string; trust: string };
  /** Resolves when the helper has ended and the socket is gone. */
  readonly close: () => Promise<void>;
}

/** Nothing can be heard here, and why; workers show in other ways that they are ready. */
export interface NotifyUnavailable {
  readonly kind: 'unavailable';
  readonly why: string;
}

/** What became of a message to systemd: `off` when it wants none; `as` the helper it counts only with NotifyAccess=all. */
export type SystemdNotice =
  | { readonly kind: 'sent'; readonly as: 'us' | 'helper' }
  | { readonly kind: 'off' }
  | { readonly kind: 'failed'; readonly why: string };

/**
 * Hears what the workers of a state directory say, until it is closed. Whoever opens it must be the only one to do so
 * there: a second one takes it over. `WORKERCTL_NOTIFY` chooses the helper, `perl`, `python3` or `none`.
 * @throws WorkerctlError `usage` when WORKERCTL_NOTIFY is none of these
 */
export async function openNotifySocket(
  stateDir: string,
  onMessage: (message: NotifyMessage) => void,
  env: NodeJS.ProcessEnv = process.env,
): Promise<NotifySocket | NotifyUnavailable> {
  const interpreters = interpretersHere(env);
  if (interpreters.length === 0) return unavailable(whyNone(env));
  const path = notifySocketPath(stateDir);
  const problem = makeSocketFolder(path);
  if (problem !== undefined) return unavailable(problem);
  const ownerOf = createOwnerLookup(stateDir);
  const hear = ({ pid = 0, session = 0, hex = '' }: Fact): void => {
    const said = parseNotifyMessage(Buffer.from(hex, 'hex').toString('utf8'));
    if (Object.keys(said).length === 0) return;
    const owner = ownerOf(session);
    const fields = owner?.mainPid === pid ? said : fieldsOfOthers(said);
    if (Object.keys(fields).length === 0) return;
    onMessage({ pid, ...(owner !== undefined && { instance: owner.instance }), fields });
  };
  const problems: string[] = [];
  for (const interpreter of interpreters) {
    const helper = await startHelper(interpreter, path, hear);
    if (helper.kind === 'running') return keptRunning(helper, interpreter, path, hear);
    problems.push(`${interpreter.name}: ${helper.why}`);
  }
  return unavailable(problems.join('; '));
}

/** What this host can hear workers with, in words, for people who ask. */
export function describeNotify(env: NodeJS.ProcessEnv = process.env): {
  name: string;
  trust: string;
} {
  const [interpreter] = interpretersHere(env);
  return interpreter === undefined
    ? { name: 'none', trust: whyNone(env) }
    : { name: interpreter.name, trust: trustInKernel };
}

/**
 * What the environment of a worker that somebody else than the listener starts must hold: NOTIFY_SOCKET when somebody
 * hears at this moment. (Sidekiq ends if it cannot say that it is ready.)
 */
export async function notifyEnvironment(stateDir: string): Promise<Record<string, string>> {
  const path = notifySocketPath(stateDir);
  return folderProblem(path) === undefined && (await isHeard(path)) ? { NOTIFY_SOCKET: path } : {};
}

/**
 * Says something to the systemd that has started us, where it wants to hear it (Type=notify): `READY=1`. Through the
 * helper of the open socket, else through one of its own, of which two at once may change the order.
 */
export async function notifySystemd(
  state: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<SystemdNotice> {
  const { NOTIFY_SOCKET: address = '' } = env;
  if (!/^[/@]/.test(address)) return { kind: 'off' };
  if (resident !== undefined) return resident.send(address, state);
  const [interpreter] = interpretersHere(env);
  if (interpreter === undefined) return { kind: 'failed', why: whyNone(env) };
  const helper = await startHelper(interpreter, '', () => undefined);
  if (helper.kind === 'ended') return { kind: 'failed', why: helper.why };
  const notice = await helper.send(address, state);
  await helper.close();
  return notice;
}

/**
 * Gives systemd a sign of life as often as it wants one, from our own event loop, so that none comes when that hangs.
 * Call what it gives back to stop.
 */
export function feedSystemdWatchdog(env: NodeJS.ProcessEnv = process.env): () => void {
  const interval = ownWatchdogInterval(env, process.pid);
  if (interval === undefined) return () => undefined;
  const timer = setInterval(() => void notifySystemd('WATCHDOG=1', env), interval).unref();
  return () => {
    clearInterval(timer);
  };
}

/** A longer one does not fit into the kernel's address, nor in the name that it is made under (`….4194304`). */
const longestPath = 107 - '.4194304'.length;

/**
 * Where the workers of a state directory speak: in it, or, if its name is too long, in a folder of our user's under
 * /tmp. The same for everybody who asks, whatever their environment.
 */
export function notifySocketPath(stateDir: string): string {
  const path = join(realPath(stateDir), 'notify.sock');
  if (Buffer.byteLength(path) <= longestPath) return path;
  const { createHash } = crypto();
  const name = createHash('sha256').update(path).digest('hex').slice(0, 16);
  return `/tmp/workerctl-${String(userId())}/${name}.sock`;
}

/** Loaded where it is needed: it takes 5 ms. */
const crypto = (): typeof Crypto => process.getBuiltinModule('node:crypto');

const userId = (): number => process.geteuid?.() ?? 0;

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function makeSocketFolder(path: string): string | undefined {
  try {
    makeFolder(dirname(path), 0o711);
  } catch (error) {
    return `${dirname(path)}: ${describeErrno(error)}`;
  }
  return folderProblem(path);
}

/** /tmp is everybody's: somebody else may have made our folder there. */
function folderProblem(path: string): string | undefined {
  const folder = dirname(path);
  const stats = lstatSync(folder, { throwIfNoEntry: false });
  if (stats === undefined) return `${folder}: it is not there`;
  const isOurs = stats.isDirectory() && stats.uid === userId() && (stats.mode & 0o022) === 0;
  if (isOurs || !folder.startsWith('/tmp/workerctl-')) return undefined;
  return `${folder}: expected a directory of user ${String(userId())} in which nobody else can write; make state_dir shorter, or remove it`;
}

/** A stream does not fit to a socket of datagrams, but the kernel says so only if somebody listens there. */
const isHeard = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const net: typeof Net = process.getBuiltinModule('node:net');
    const probe = net.connect(path);
    probe.once('error', (error) => {
      resolve(errnoOf(error) === 'EPROTOTYPE');
    });
    probe.once('connect', () => {
      probe.destroy();
      resolve(false);
    });
  });

interface Interpreter {
  readonly name: 'perl' | 'python3';
  readonly program: string;
  readonly words: readonly string[];
}

/** Perl first: it takes half the memory. Python too, since it is there where perl is not (Fedora and its kin). */
const known = [
  { name: 'perl', words: ['notify.pl'] },
  { name: 'python3', words: ['-I', '-S', '-B', 'notify.py'] },
] as const;

function interpretersHere(env: NodeJS.ProcessEnv): Interpreter[] {
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

const trustInKernel =
  'the kernel names the sender of each message, which counts for the instance whose session that is in';

const whyNone = ({ WORKERCTL_NOTIFY: wanted = '' }: NodeJS.ProcessEnv): string =>
  wanted === ''
    ? 'workers that speak sd_notify(3) are not heard: install perl or python3'
    : `workers that speak sd_notify(3) are not heard: WORKERCTL_NOTIFY=${wanted}`;

const unavailable = (why: string): NotifyUnavailable => ({ kind: 'unavailable', why });

/** One line of the helper; notify.pl tells what they mean. */
interface Fact {
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
let resident: RunningHelper | undefined;

const startLimitMs = 10_000;
const endLimitMs = 2_000;

/** Starts a helper that hears at `path`, or that only speaks if that is empty; resolves when it is ready or has ended. */
function startHelper(
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
const restartDelaysMs = [100, 1_000, 5_000, 30_000, 120_000];

/** One that has lived so long has earned all of its restarts anew. */
const provenMs = 600_000;

function keptRunning(
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

/** How long a session that is no instance's is taken for nobody's: a record is there before its process can speak. */
const strangerMs = 10_000;

/** Whose a session is, and who its main process is by the record. */
interface Owner {
  readonly instance: string;
  readonly mainPid: number;
}

/**
 * Whose a session is: the instance whose recorded process leads it, or has taken it over from its predecessor. What the
 * leader has said just before its end still counts for its record.
 */
function createOwnerLookup(stateDir: string): (session: number) => Owner | undefined {
  const known = new Map<number, string>();
  let strangers = new Set<string>();
  let forgottenMs = monotonicMs();
  return (session) => {
    const leader = readProcess(session);
    const ownerAs = (instance: string): Owner | undefined => {
      const record = readRecord(stateDir, instance);
      if (record.kind !== 'read' || record.value.bootId !== currentBootId()) return undefined;
      const { pid, startTime, shimPid } = record.value;
      const leads = pid === session && (leader === undefined || leader.startTime === startTime);
      const hasTakenOver = shimPid === 0 && findProcess(record.value)?.sessionId === session;
      return leads || hasTakenOver ? { instance, mainPid: pid } : undefined;
    };
    const before = known.get(session);
    const owner = before === undefined ? undefined : ownerAs(before);
    if (owner !== undefined) return owner;
    known.delete(session);
    if (monotonicMs() - forgottenMs > strangerMs) {
      strangers = new Set();
      forgottenMs = monotonicMs();
    }
    const stranger = `${session} ${leader?.startTime ?? 'gone'}`;
    if (strangers.has(stranger)) return undefined;
    for (const name of recordedInstances(stateDir)) {
      const found = ownerAs(name);
      if (found === undefined) continue;
      known.set(session, name);
      return found;
    }
    strangers.add(stranger);
    return undefined;
  };
}
