import { WorkerctlError } from '../../core/basics/error.ts';
import { isSameRequest, type KnownOperation, type Operation } from '../../core/model/operation.ts';
import { removeHalfWritten } from '../../host/files/atomic-file.ts';
import { startDetached, type Detached } from '../../host/process/start-detached.ts';
import {
  keepOperation,
  operationFolder,
  readOperation,
  removeOldOperations,
} from '../../host/state/operation-files.ts';
import { leaveSessionAtOnce } from '../apply/leave-session.ts';
import { environmentFor } from '../finisher/leave.ts';
import type { Context } from '../session.ts';

/** An operation that was asked for, now or before. */
export interface Begun {
  readonly operation: KnownOperation;
  /** The process that was started to run it, unless that was done before. */
  readonly started?: Detached;
}

/**
 * Has an operation run in a process of its own, unless it was begun before. What is asked for is on disk first: if this
 * process is killed at any moment, the same request again does what is left to do, and no more.
 * @param check throws what is wrong with the request; only an operation that is not known yet is checked
 * @throws WorkerctlError `conflict` if something else was asked for under this id, `state` if it cannot be written down
 */
export async function beginOperation(
  context: Pick<Context, 'config' | 'command' | 'by' | 'report'>,
  asked: Operation,
  check: () => unknown,
): Promise<Begun> {
  const { config } = context;
  const { stateDir } = config;
  const operation = readOperation(stateDir, asked.id) ?? keep(stateDir, asked, check);
  if (!isSameRequest(operation, asked)) throw conflict(operation);
  removeHalfWritten(operationFolder(stateDir, asked.id));
  if (operation.state.kind !== 'asked') return { operation };
  // It is begun in any case: if it ends with the login, the reason was reported, and bootcheck goes on.
  await leaveSessionAtOnce(context);
  const words = ['operation', operationFolder(stateDir, asked.id)];
  const started = startDetached(words, environmentFor(config, process.env));
  if (started === undefined)
    throw new WorkerctlError('failed', `operation ${asked.id}: its process could not be started`);
  return { operation, started };
}

/** Of several processes that ask at the same time, the first is kept. */
function keep(stateDir: string, asked: Operation, check: () => unknown): KnownOperation {
  check();
  removeOldOperations(stateDir);
  keepOperation(stateDir, asked);
  const kept = readOperation(stateDir, asked.id);
  if (kept !== undefined) return kept;
  throw new WorkerctlError('state', `operation ${asked.id} was removed; nothing was done`);
}

const conflict = ({ id, words }: KnownOperation): WorkerctlError =>
  new WorkerctlError(
    'conflict',
    `operation ${id} is another command; nothing was done: workerctl ${words.join(' ')}`,
    { hint: 'give each command an id of its own' },
  );
