import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { detectWorkers } from './init/detect-project.ts';
import { configTemplate } from './init/template.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import { defineCommand } from '../cli/command.ts';
import { flag } from '../cli/options.ts';
import { print } from '../cli/print.ts';
import { exitCodes } from '../core/basics/exit-codes.ts';
import { printed } from '../output/json/answer.ts';
import { initAnswer } from '../output/json/answers.ts';
import { formatInit } from '../output/text.ts';

export const command = defineCommand({
  summary: 'Write a first workerctl.yaml; recognises Procfile, delayed_job, Sidekiq and Celery.',
  operands: '',
  description: '--config FILE writes that file instead.',
  options: { force: flag('overwrite an existing file') },
  examples: [['cd /srv/app/current && workerctl init']],
  exitCodes: { done: 'written', failed: 'the file exists, or cannot be written' },
  run: ({ global, force }) => {
    const { directory, config } = global;
    if (directory === undefined)
      throw new WorkerctlError('failed', 'init: the working directory was removed', {
        hint: 'cd to a directory that exists',
      });
    const outcome = init({ directory, config, force });
    print(global.json ? printed(initAnswer, outcome) : formatInit(outcome));
    return Promise.resolve(exitCodes.done.code);
  },
});

export interface InitOptions {
  readonly directory: string;
  /** The file to write, relative to `directory`; undefined: `workerctl.yaml`. */
  readonly config?: string | undefined;
  /** Whether an existing config is overwritten. */
  readonly force: boolean;
}

export interface InitOutcome {
  readonly kind: 'init';
  /** The file that was written; absolute. */
  readonly path: string;
  /** Where workers were found, such as `Procfile`; empty: the config holds an example. */
  readonly found: readonly string[];
}

/**
 * Writes a first config with the workers that the project in the directory seems to have. Throws a
 * `failed` error if there is one already and `force` is not set, or if it cannot be written.
 */
export function init({ directory, config = 'workerctl.yaml', force }: InitOptions): InitOutcome {
  const folder = resolve(directory);
  const path = resolve(folder, config);
  const workers = detectWorkers(folder);
  try {
    writeFileSync(path, configTemplate(workers), { flag: force ? 'w' : 'wx' });
  } catch (cause) {
    throw notWritten(path, cause);
  }
  return { kind: 'init', path, found: [...new Set(workers.map((worker) => worker.foundIn))] };
}

function notWritten(path: string, cause: unknown): WorkerctlError {
  const { code = String(cause) } = cause as NodeJS.ErrnoException;
  switch (code) {
    case 'EEXIST':
      return new WorkerctlError('failed', `${path}: exists already and was not changed`, {
        hint: 'use --force to overwrite it',
        cause,
      });
    case 'ENOENT':
    case 'ENOTDIR':
      return new WorkerctlError(
        'failed',
        `${path}: cannot be written, the directory does not exist`,
        { cause },
      );
    default:
      return new WorkerctlError('failed', `${path}: cannot be written (${code})`, { cause });
  }
}
