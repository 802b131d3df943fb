import {
  fieldsOfOthers,
  parseNotifyMessage,
  type NotifyFields,
} from '../../core/protocols/notify-message.ts';
import type { ProcessRef } from '../../core/model/instance.ts';
import { interpretersHere, noInterpreter, startHelper, type Fact } from './notify-helper.ts';
import { keepRunning, type KeptHelper } from './notify-kept-helper.ts';
import { makeSocketFolder, notifySocketPath } from './notify-path.ts';
import { readRecord } from '../state/records.ts';
import { baseOf, recordedProcesses } from '../state/paths.ts';
import { noteDropped } from '../state/dropped-messages.ts';
import { monotonicMs } from '../process/clock.ts';
import { currentBootId, findProcess, readProcess } from '../process/process-table.ts';

/**
 * What a process has sent by sd_notify(3). It counts for the instance, or for the old process of it, to whose session the
 * sender belongs; if that session is no instance's, for none.
 */
export interface NotifyMessage extends Partial<ProcessRef> {
  /** The sender, from the kernel. */
  readonly pid: number;
  readonly fields: NotifyFields;
}

/** The socket of one state directory; a helper process receives on it while it is open. */
export interface NotifySocket {
  readonly kind: 'open';
  /** What a worker's environment must hold; nothing while no helper runs, because some workers die if they cannot send. */
  readonly environmentFor: (instance: string) => Record<string, string>;
  readonly describe: () => { name: string; trust: string };
  readonly path: string;
  /** Receives again if the socket was removed or replaced. @throws WorkerctlError `state` if that is not possible */
  readonly renew: () => Promise<void>;
  /** Resolves when the helper has exited and the socket is removed. */
  readonly close: () => Promise<void>;
}

/** Why nothing can be received on this host; readiness of workers is then seen in other ways. */
export interface NotifyUnavailable {
  readonly kind: 'unavailable';
  readonly problem: string;
}

/**
 * Receives what the workers of a state directory send, until it is closed. Only one process may open it: a second one takes
 * it over. `WORKERCTL_NOTIFY` chooses the helper, `perl`, `python3` or `none`.
 * @throws WorkerctlError `usage` if WORKERCTL_NOTIFY is none of these
 */
export async function openNotifySocket(
  stateDir: string,
  onMessage: (message: NotifyMessage) => void,
  env: NodeJS.ProcessEnv = process.env,
  lost: () => void = () => undefined,
): Promise<NotifySocket | NotifyUnavailable> {
  const interpreters = interpretersHere(env);
  if (interpreters.length === 0) return unavailable(noInterpreter(env));
  const path = notifySocketPath(stateDir);
  const problem = makeSocketFolder(path);
  if (problem !== undefined) return unavailable(problem);
  const ownerOf = createOwnerLookup(stateDir);
  const hear = ({ pid = 0, session = 0, hex = '', dropped }: Fact): void => {
    if (dropped !== undefined) noteDropped(stateDir, dropped);
    const said = parseNotifyMessage(Buffer.from(hex, 'hex').toString('utf8'));
    if (Object.keys(said).length === 0) return;
    const owner = ownerOf(session);
    const fields = owner?.mainPid === pid ? said : fieldsOfOthers(said);
    if (Object.keys(fields).length === 0) return;
    onMessage({ pid, ...(owner !== undefined && owner.process), fields });
  };
  const tryToHear = (fact: Fact): void => {
    try {
      hear(fact);
    } catch {
      return; // the files that say whose message it is cannot be read: every look reports that
    }
  };
  const problems: string[] = [];
  for (const interpreter of interpreters) {
    const helper = await startHelper(interpreter, path, tryToHear);
    if (helper.kind === 'running')
      return opened(
        keepRunning(helper, interpreter, path, tryToHear, lost),
        interpreter.name,
        path,
      );
    problems.push(`${interpreter.name}: ${helper.problem}`);
  }
  return unavailable(problems.join('; '));
}

const opened = (helper: KeptHelper, name: string, path: string): NotifySocket => ({
  kind: 'open',
  environmentFor: () => (helper.isRunning() ? { NOTIFY_SOCKET: path } : {}),
  describe: () => {
    const [restarts, dropped] = [helper.restarts(), helper.dropped()];
    const facts = [
      helper.isRunning()
        ? trustInKernel
        : 'its helper has exited: messages of workers are not received',
      ...(restarts > 0 ? [`helper restarts: ${restarts}`] : []),
      ...(dropped > 0 ? [`messages dropped (too long, or the sender gone): ${dropped}`] : []),
    ];
    return { name, trust: facts.join('; ') };
  },
  path,
  renew: helper.renew,
  close: helper.close,
});

/** How this host can receive messages of workers, for people to read. */
export function describeNotify(env: NodeJS.ProcessEnv = process.env): {
  name: string;
  trust: string;
} {
  const [interpreter] = interpretersHere(env);
  return interpreter === undefined
    ? { name: 'none', trust: noInterpreter(env) }
    : { name: interpreter.name, trust: trustInKernel };
}

const trustInKernel =
  'the kernel names the sender of each message, which counts for the instance in whose session the sender is';

const unavailable = (problem: string): NotifyUnavailable => ({ kind: 'unavailable', problem });

/** How long a session without an instance is remembered as such. A record exists before its process can send anything. */
const strangerMs = 10000;

/** The instance that a session belongs to, and its main process according to the record. */
interface Owner {
  readonly process: ProcessRef;
  readonly mainPid: number;
}

/**
 * Finds the instance of a session: the one whose recorded process leads it, or has taken it over from its predecessor. What
 * the leader sent just before its end still counts for its record.
 */
export function createOwnerLookup(stateDir: string): (session: number) => Owner | undefined {
  const known = new Map<number, ProcessRef>();
  let strangers = new Set<string>();
  let forgottenMs = monotonicMs();
  return (session) => {
    const leader = readProcess(session);
    const ownerAs = (process: ProcessRef): Owner | undefined => {
      const record = readRecord(stateDir, baseOf(process));
      if (record.kind !== 'read' || record.value.bootId !== currentBootId()) return undefined;
      const { pid, startTime, shimPid } = record.value;
      const leads = pid === session && (leader === undefined || leader.startTime === startTime);
      const hasTakenOver = shimPid === 0 && findProcess(record.value)?.sessionId === session;
      return leads || hasTakenOver ? { process, mainPid: pid } : undefined;
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
    for (const process of recordedProcesses(stateDir)) {
      const found = ownerAs(process);
      if (found === undefined) continue;
      known.set(session, process);
      return found;
    }
    strangers.add(stranger);
    return undefined;
  };
}
