import type * as Crypto from 'node:crypto';
import { lstatSync, realpathSync } from 'node:fs';
import type * as Net from 'node:net';
import { dirname, join } from 'node:path';
import {
  fieldsOfOthers,
  parseNotifyMessage,
  type NotifyFields,
} from '../../core/protocols/notify-message.ts';
import { describeErrno, errnoOf } from '../files/errno.ts';
import { makeFolder } from '../files/make-folder.ts';
import { type Fact, interpretersHere, keptRunning, startHelper } from './notify-helper.ts';
import { createOwnerLookup } from './notify-owner.ts';

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

export const userId = (): number => process.geteuid?.() ?? 0;

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

export const trustInKernel =
  'the kernel names the sender of each message, which counts for the instance whose session that is in';

export const whyNone = ({ WORKERCTL_NOTIFY: wanted = '' }: NodeJS.ProcessEnv): string =>
  wanted === ''
    ? 'workers that speak sd_notify(3) are not heard: install perl or python3'
    : `workers that speak sd_notify(3) are not heard: WORKERCTL_NOTIFY=${wanted}`;

const unavailable = (why: string): NotifyUnavailable => ({ kind: 'unavailable', why });
