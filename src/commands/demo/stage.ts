import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WorkerctlError } from '../../core/basics/error.ts';
import { sleep } from '../../host/process/clock.ts';
import { describeErrno } from '../../host/files/errno.ts';
import { createSpool, type Spool } from './spool.ts';
import { demoConfig, workerProgram } from './worker-program.ts';
import { processesWith, workerProcesses } from './worker-processes.ts';

/** What a command wrote, on both its outputs, and how it ended. */
export interface CommandResult {
  readonly output: string;
  readonly exitCode: number;
}

/** The temporary folder that the story is played in, with its processes. */
export interface Stage {
  readonly folder: string;
  readonly spool: Spool;
  /** Puts new code in place. */
  readonly deploy: (version: number) => void;
  /** Runs workerctl with these words, in the folder. */
  readonly workerctl: (...words: readonly string[]) => Promise<CommandResult>;
  /** The pids of each instance, by the kernel. */
  readonly processes: () => Map<string, number[]>;
  /** Ends all that was started and removes the folder. Synchronous, so that it can be done when the process exits. */
  readonly clear: () => void;
  /** Waits until the commands under way have ended. */
  readonly commandsEnded: () => Promise<void>;
}

export interface StageOptions {
  readonly workerctl: readonly string[];
  readonly colours: boolean;
  /** Ends the commands under way. */
  readonly signal: AbortSignal;
}

/** Names the demo in the environment of the commands that it runs. */
const commandMarker = 'DEMO_FOLDER';

/** A command that takes longer than this hangs. */
const commandMs = 20_000;

/** Makes the folder, with the config, the worker and an empty spool in it. */
export function createStage(options: StageOptions): Stage {
  const folder = temporaryFolder();
  const stateDir = join(folder, '.workerctl');
  const underWay = new Set<Promise<boolean>>();
  const deploy = (version: number): void => {
    writeFileSync(join(folder, 'VERSION'), `${version}\n`);
  };
  for (const name of ['spool', 'working', 'done']) mkdirSync(join(folder, name));
  writeFileSync(join(folder, 'workerctl.yaml'), demoConfig);
  writeFileSync(join(folder, 'worker.sh'), workerProgram);
  deploy(1);
  return {
    folder,
    spool: createSpool(folder),
    deploy,
    workerctl: (...words) => {
      const running = runCommand(folder, words, options);
      const ended: Promise<boolean> = running.then(
        () => underWay.delete(ended),
        () => underWay.delete(ended),
      );
      underWay.add(ended);
      return running;
    },
    processes: () => workerProcesses(stateDir),
    clear: () => {
      killAll([`WORKERCTL_STATE_DIR=${stateDir}`, `${commandMarker}=${folder}`]);
      rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
    },
    commandsEnded: async () => {
      await Promise.all(underWay);
    },
  };
}

function temporaryFolder(): string {
  const parent = tmpdir();
  try {
    return realpathSync(mkdtempSync(join(parent, 'workerctl-demo-')));
  } catch (error) {
    throw new WorkerctlError(
      'failed',
      `demo: expected a folder to make its own in, found ${parent}: ${describeErrno(error)}`,
      { hint: 'set TMPDIR to a folder that you may write to', cause: error },
    );
  }
}

async function runCommand(
  folder: string,
  words: readonly string[],
  { workerctl: [program = '', ...first], colours, signal }: StageOptions,
): Promise<CommandResult> {
  const { execa } = await import('execa');
  const {
    all,
    exitCode,
    signal: killedBy,
  } = await execa(program, [...first, ...words], {
    cwd: folder,
    env: { ...commandEnvironment(process.env, colours), [commandMarker]: folder },
    extendEnv: false,
    stdin: 'ignore',
    all: true,
    reject: false,
    timeout: commandMs,
    cancelSignal: signal,
  });
  signal.throwIfAborted();
  if (exitCode === undefined) return { output: `${all}\n${String(killedBy)}`, exitCode: -1 };
  return { output: all, exitCode };
}

/** Ours, but for what would make the commands behave in another way here than they do by themselves. */
function commandEnvironment(env: NodeJS.ProcessEnv, colours: boolean): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(
    ([name]) =>
      (!name.startsWith('WORKERCTL_') || name === 'WORKERCTL_LOCK') &&
      !['NO_COLOR', 'FORCE_COLOR', 'NODE_EXTRA_CA_CERTS'].includes(name),
  );
  return { ...Object.fromEntries(kept), ...(colours ? { FORCE_COLOR: '1' } : { NO_COLOR: '1' }) };
}

/** How often to look again for processes that a dying one has just started. */
const killRounds = 250;

function killAll(markers: readonly string[]): void {
  for (let round = 0; round < killRounds; round += 1) {
    const pids = processesWith(markers);
    if (pids.length === 0) return;
    for (const pid of pids) kill(pid);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  }
  throw new Error(`processes that cannot be ended: ${processesWith(markers).join(' ')}`);
}

/** KILL, for a process that may have left just now. */
export function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Looks again and again until nothing is found wrong. @returns what is still wrong when the time is over */
export async function until(
  problem: () => string | undefined,
  withinMs: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    signal.throwIfAborted();
    const found = problem();
    if (found === undefined || performance.now() > deadline) return found;
    await sleep(20, signal);
  }
}
