import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { WorkerctlError } from '../core/basics/error.ts';
import { exitCodes } from '../core/basics/exit-codes.ts';
import { looksSecret } from '../core/basics/secrets.ts';
import { logicalFolder } from '../config/find.ts';
import { loadConfig } from '../config/load.ts';
import { currentUser } from '../host/worker/environment.ts';
import { colours } from '../cli/colours.ts';
import { defineCommand } from '../cli/command.ts';
import { flag, value } from '../cli/options.ts';
import { print, printPainted, terminalSize } from '../cli/print.ts';
import { printed } from '../output/json/answer.ts';
import { initAnswer } from '../output/json/init.ts';
import { formatInit, type InitReport } from '../output/init.ts';
import { check, placed } from './check.ts';
import { doctor } from './doctor.ts';
import type { Draft } from './init/draft.ts';
import type { Caller } from './init/propose.ts';

export const command = defineCommand({
  summary: 'Write a first workerctl.yaml from what the project has, then check it and this host.',
  operands: '',
  description: `
It reads the first of these that names a worker: Procfile, supervisord's config, pm2's ecosystem file,
units of systemd, a compose file; otherwise the packages of the project (Gemfile.lock, requirements,
pyproject, lock files of uv, poetry and pipenv, package.json, composer.json). It prints what it found, and line
by line what it could not carry over. Files are only read. --config FILE writes that file instead.

At the end it does what check and doctor do.`,
  options: {
    from: value('FILE', 'read this file only, whatever kind it is of', (text) => text),
    run: flag('run ecosystem files that are JavaScript, to read them'),
    force: flag('overwrite an existing file'),
  },
  examples: [
    ['cd /srv/app/current && workerctl init'],
    ['workerctl init --from /etc/supervisor/conf.d/mail.conf'],
  ],
  exitCodes: {
    done: 'written, and valid; what doctor found is printed',
    failed: 'the file exists, or cannot be written; a file that was named cannot be read',
  },
  run: async ({ global, force, from, run }) => {
    const { directory, config } = global;
    if (directory === undefined)
      throw new WorkerctlError('failed', 'init: the working directory was removed', {
        hint: 'cd to a directory that exists',
      });
    const folder = logicalFolder(directory, process.env['PWD']);
    const outcome = await init({ directory: folder, config, force, from, run, env: process.env });
    const report: InitReport = {
      ...outcome,
      warnings: check({ path: outcome.path }).warnings.map(placed),
      reports: await doctor(loadConfig(outcome.path), process.env),
    };
    if (global.json) print(printed(initAnswer, report));
    else printPainted(formatInit(report, await colours(), terminalSize()?.columns));
    return exitCodes.done.code;
  },
});

export interface InitOptions {
  readonly directory: string;
  /** The file to write, relative to `directory`; undefined: `workerctl.yaml`. */
  readonly config?: string | undefined;
  /** Whether an existing config is overwritten. */
  readonly force: boolean;
  /** The only file to read, relative to `directory`. */
  readonly from?: string | undefined;
  /** Whether files that are programs may be run. */
  readonly run?: boolean;
  /** For its PATH. */
  readonly env: NodeJS.ProcessEnv;
  /** Undefined: the one who runs this process. */
  readonly caller?: Caller;
}

/** What was written, and from what. */
export type InitOutcome = Omit<InitReport, 'warnings' | 'reports'>;

/**
 * Writes a first config with the workers that the project in the directory seems to have. It passes `check`. Throws a
 * `failed` error if there is a config already and `force` is not set, if it cannot be written, or if a file that was named
 * cannot be read.
 */
export async function init(options: InitOptions): Promise<InitOutcome> {
  const { directory, config = 'workerctl.yaml', force, from, run = false, env } = options;
  const { caller = { name: currentUser().name, isRoot: process.geteuid?.() === 0 } } = options;
  const folder = resolve(directory);
  const path = resolve(folder, config);
  const { propose } = await import('./init/propose.ts');
  const { settle } = await import('./init/settle.ts');
  const proposal = await propose({
    folder,
    config: path,
    from,
    run: run ? runIn(folder) : undefined,
    callerPath: env['PATH'] ?? '',
    caller,
  });
  const { text, draft, leftOut } = settle(path, proposal.draft);
  const isSecret = hasSecrets(draft);
  try {
    writeFileSync(path, text, { flag: force ? 'w' : 'wx', mode: isSecret ? 0o600 : 0o666 });
  } catch (cause) {
    throw notWritten(path, cause);
  }
  return {
    kind: 'init',
    path,
    found: draft.workers.length === 0 ? [] : proposal.files,
    workers: draft.workers.map(({ name, at, why }) => ({ name, at, why })),
    leftOut: [...proposal.leftOut, ...leftOut],
    isSecret,
  };
}

const runIn =
  (folder: string) =>
  async (path: string): Promise<string> => {
    const { runJavaScript } = await import('./init/run-javascript.ts');
    return runJavaScript(resolve(folder, path), folder);
  };

/** Whether the config has values that others should not read. */
function hasSecrets({ defaults, workers }: Draft): boolean {
  const all = [defaults, ...workers.map(({ keys }) => keys)];
  return all
    .flatMap(({ env = {} }) => Object.entries(env))
    .some(([name, text]) => looksSecret(name, String(text)));
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
