import {
  fieldsOfOthers,
  parseNotifyMessage,
  type NotifyFields,
} from '../../core/protocols/notify-message.ts';
import type { ProcessRef } from '../../core/model/instance.ts';
import { interpretersHere, noInterpreter, startHelper, type Fact } from './notify-helper.ts';
import { keepRunning, type KeptHelper } from './notify-kept-helper.ts';
import { createOwnerLookup } from './notify-owner.ts';
import { makeSocketFolder, notifySocketPath } from './notify-path.ts';

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
): Promise<NotifySocket | NotifyUnavailable> {
  const interpreters = interpretersHere(env);
  if (interpreters.length === 0) return unavailable(noInterpreter(env));
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
    onMessage({ pid, ...(owner !== undefined && owner.process), fields });
  };
  const problems: string[] = [];
  for (const interpreter of interpreters) {
    const helper = await startHelper(interpreter, path, hear);
    if (helper.kind === 'running')
      return opened(keepRunning(helper, interpreter, path, hear), interpreter.name, path);
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
      ...(dropped > 0
        ? [`messages dropped (too long, too many, or the sender gone): ${dropped}`]
        : []),
    ];
    return { name, trust: facts.join('; ') };
  },
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
