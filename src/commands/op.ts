import { defineCommand, type GlobalOptions } from '../cli/command.ts';
import { configFor } from '../cli/config.ts';
import { usageError } from '../cli/options.ts';
import { print, terminalSize } from '../cli/print.ts';
import { showOperation } from '../cli/show-operation.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import { exitCodes } from '../core/basics/exit-codes.ts';
import { idWords, isOperationId, type KnownOperation } from '../core/model/operation.ts';
import { now } from '../host/process/clock.ts';
import { readOperation, readOperations } from '../host/state/operation-files.ts';
import { checkForLook } from '../host/state/state-directory.ts';
import { printed } from '../output/json/answer.ts';
import { operationsAnswer } from '../output/json/operation.ts';
import { formatOperations } from '../output/operation.ts';

/** `workerctl op`. */
export const command = defineCommand({
  summary: 'Show commands that were given an id with --op: their output, and how they ended.',
  operands: 'list | attach ID',
  description: `
restart, stop, start, rollout and bootcheck run apart from their caller if they are given --op or
--detach. attach prints all that one of them has printed, then what it prints, and ends with its exit
code. Ctrl-C ends only the attaching. Results are kept for 7 days.`,
  options: {},
  examples: [
    ['workerctl restart --detach --op deploy-42', 'returns at once'],
    ['workerctl op attach deploy-42'],
    ['workerctl op list'],
  ],
  exitCodes: {
    done: 'done; with attach: so was the operation, or its own exit code',
    unknown: '',
    absent: '',
    interrupted: 'Ctrl-C; the operation goes on',
  },
  run: ({ targets: [verb, id, ...others], global }) => {
    if (verb === 'list' && id === undefined) return list(global);
    if (verb === 'attach' && id !== undefined && others.length === 0) return attach(global, id);
    throw usageError('op', `op: expected list, or attach and an ID`);
  },
});

async function list(global: GlobalOptions): Promise<number> {
  const operations = readOperations(await stateDirOf(global));
  print(
    global.json
      ? printed(operationsAnswer, operations)
      : formatOperations(operations, now(), terminalSize()?.columns),
  );
  return exitCodes.done.code;
}

async function attach(global: GlobalOptions, id: string): Promise<number> {
  const stateDir = await stateDirOf(global);
  const { command } = operationNamed(stateDir, id);
  return showOperation(stateDir, { id, command, isJson: global.json });
}

/**
 * @throws WorkerctlError `absent` if there is none
 */
function operationNamed(stateDir: string, id: string): KnownOperation {
  if (!isOperationId(id))
    throw new WorkerctlError('usage', `op: expected ${idWords}, found ${JSON.stringify(id)}`);
  const found = readOperation(stateDir, id);
  if (found !== undefined) return found;
  throw new WorkerctlError('absent', `no operation has the id ${id}`, {
    hint: 'workerctl op list shows those of the last 7 days',
  });
}

async function stateDirOf(global: GlobalOptions): Promise<string> {
  const { stateDir } = await configFor(global);
  checkForLook(stateDir);
  return stateDir;
}
