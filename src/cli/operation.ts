import { resolve } from 'node:path';
import { WorkerctlError } from '../core/basics/error.ts';
import { formatEvent } from '../core/events/event.ts';
import { configWords } from '../core/model/config.ts';
import { selectInstances } from '../core/model/targets.ts';
import { beginOperation } from '../engine/operations/begin.ts';
import { randomHex } from '../host/files/crypto.ts';
import { now } from '../host/process/clock.ts';
import { recordedInstances } from '../host/state/paths.ts';
import { ensureStateDirectory } from '../host/state/state-directory.ts';
import { userAtHost } from '../host/worker/environment.ts';
import { chosenTargets, targetOptions } from './chosen-targets.ts';
import { takesTargets, type Call } from './command.ts';
import { configToActOn } from './config.ts';
import { operationOptions, optionName, textOf, usageError, valuesOf } from './options.ts';
import { printError } from './print.ts';
import { showBegun, showOperation } from './show-operation.ts';

/** Longer command lines do not fit into the file of an operation. */
const longestWords = 256 * 1024;

/**
 * Runs a command as an operation: in a process of its own, once, and not again if its id is known. Shows it until it ends;
 * with `--detach` it only says how far it is.
 */
export async function runAsOperation(call: Call): Promise<number> {
  const { name, command, raw, global } = call;
  const { op, detach } = valuesOf(operationOptions, raw);
  refuse(call);
  valuesOf(command.options, raw); // what is wrong with the command line is said now, and no operation
  const config = await configToActOn(global);
  ensureStateDirectory(config.stateDir);
  const id = op ?? `${name}-${randomHex(4)}`;
  const words = [name, ...optionWords(call), ...configWords(config), ...targetWords(call)];
  if (words.join(' ').length > longestWords)
    throw usageError(name, `--op: expected at most ${longestWords} characters of targets`);
  const by = userAtHost();
  const context = {
    config,
    command: name,
    by,
    report: (event: Parameters<typeof formatEvent>[0]): void => {
      printError(`workerctl: ${formatEvent(event)}\n`);
    },
  };
  const asked = { id, command: name, words, by, at: now() };
  const chosen = await chosenTargets(call.targets, valuesOf(targetOptions, raw).except);
  const { started } = await beginOperation(context, asked, () =>
    takesTargets(command)
      ? selectInstances(config, recordedInstances(config.stateDir), chosen)
      : undefined,
  );
  const show = detach ? showBegun : showOperation;
  return show(config.stateDir, { id, command: name, started, isJson: global.json });
}

function refuse({ name, command, raw, targets }: Call): void {
  if (raw['dry-run'] === true)
    throw usageError(name, '--dry-run does nothing, and has no --op or --detach');
  if (command.isOperation === 'with operands' && targets.length === 0)
    throw usageError(name, `${name}: only ${command.operands} has --op and --detach`);
}

const targetWords = ({ targets }: Call): readonly string[] =>
  targets.length === 0 ? [] : ['--', ...targets];

/** The options in one form, whatever form they were written in, and in one order. */
function optionWords({ command, raw, global }: Call): string[] {
  return Object.entries(command.options)
    .filter(([key]) => !Object.hasOwn(operationOptions, key))
    .flatMap(([key, { isPath }]) => {
      const name = optionName(key);
      const found = raw[name];
      if (found === undefined) return [];
      if (typeof found === 'boolean') return [found ? `--${name}` : `--no-${name}`];
      const text = textOf(found);
      return [`--${name}=${isPath === true ? pathFrom(global.directory, text) : text}`];
    })
    .sort();
}

function pathFrom(directory: string | undefined, path: string): string {
  if (directory === undefined && !path.startsWith('/'))
    throw new WorkerctlError(
      'usage',
      `the working directory was removed: expected an absolute path, found ${path}`,
    );
  return resolve(directory ?? '/', path);
}
