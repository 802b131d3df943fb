// A temporary directory with real processes in it. Each test has its own, so that they run side by side, and
// everything that a test has started is ended with it, however the test went.
import { execa, type Options } from 'execa';
import {
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const launcher = fileURLToPath(new URL('../../bin/workerctl', import.meta.url));

/** Names the rig in the environment of its processes, workers included. */
const marker = 'TEST_RIG_FOLDER';

export interface Rig {
  readonly folder: string;
  /** What a worker's `env` must hold, so that the rig finds it. */
  readonly env: Readonly<Record<string, string>>;
  /** Runs a program in the directory; never throws because of its exit code. */
  readonly run: (file: string, args?: readonly string[]) => ReturnType<typeof execute>;
  readonly workerctl: (...args: readonly string[]) => ReturnType<typeof execute>;
  readonly end: () => Promise<void>;
}

export function createRig(): Rig {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'workerctl-real-')));
  const env = { [marker]: folder };
  const run = (file: string, args: readonly string[] = []) => execute(folder, env, file, args);
  return {
    folder,
    env,
    run,
    workerctl: (...args) => run(process.execPath, [launcher, ...args]),
    end: async () => {
      await endProcesses(folder);
      rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}

/** Waits until the condition returns something other than `undefined` and `false`, and returns that. */
export async function until<T>(
  condition: () => T | Promise<T>,
  description: string,
  timeoutMs: number,
): Promise<Exclude<T, undefined | false>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value as Exclude<T, undefined | false>;
    if (performance.now() > deadline)
      throw new Error(`waited ${seconds(timeoutMs)} in vain: ${description}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

export function isAlive(pid: number): boolean {
  const state = /.*\) (\S)/s.exec(readOr(`/proc/${pid}/stat`, ''))?.[1];
  return state !== undefined && !'ZX'.includes(state);
}

/** Sends a signal to a process, if it is there. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

export function readOr<T>(path: string, otherwise: T): string | T {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return otherwise;
  }
}

function execute(
  folder: string,
  env: Readonly<Record<string, string>>,
  file: string,
  args: readonly string[],
) {
  const { PATH, HOME, USER, LOGNAME } = process.env;
  const base = { PATH, HOME, USER, LOGNAME, LANG: 'C.UTF-8' };
  const options = {
    cwd: folder,
    env: { ...base, ...env },
    extendEnv: false,
    stdin: 'ignore',
    all: true,
    reject: false,
    timeout: 120_000,
  } as const satisfies Options;
  return execa(file, args, options);
}

async function endProcesses(folder: string): Promise<void> {
  await until(
    () => {
      const pids = processesOf(folder);
      for (const pid of pids) signal(pid, 'SIGKILL');
      return pids.length === 0;
    },
    `the processes of ${folder} to be gone`,
    20_000,
  );
}

/** Those that have the marker, or work in the directory: a program may have overwritten its environment. */
function processesOf(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && isAlive(pid))
    .filter(
      (pid) =>
        readOr(`/proc/${pid}/environ`, '').split('\0').includes(`${marker}=${folder}`) ||
        isIn(folder, readLinkOr(`/proc/${pid}/cwd`)),
    );
}

function isIn(folder: string, path: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

function readLinkOr(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
