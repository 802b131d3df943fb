import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WorkerctlError } from '../../core/basics/error.ts';
import { durationOf } from '../../core/basics/time.ts';
import { describeErrno, errnoOf } from '../../host/files/errno.ts';
import { readJournal } from '../../host/journal/read.ts';
import type { JournalEntry } from '../../core/events/journal.ts';
import { monotonicMs, sleep } from '../../host/process/clock.ts';
import { listPids, readEnvironment, readProcess } from '../../host/process/process-table.ts';
import { runProgram } from '../../host/process/run-program.ts';
import { findMarkedProcesses } from '../../host/process/strays.ts';
import type { Teller } from './teller.ts';
import { demoConfig, workerProgram } from './worker-program.ts';

/** A claim of the story that is not true. */
export class BrokenClaim extends Error {
  override readonly name = 'BrokenClaim';
}

/** What a command wrote on both its outputs, and its exit code. */
export interface CommandResult {
  readonly output: string;
  readonly exitCode: number;
}

/** The temporary directory in which the story is played, and what prints it. */
export interface Stage extends Teller {
  readonly folder: string;
  /** Puts new code in place. */
  readonly deploy: (version: number) => void;
  /** Runs workerctl with these words, in the directory. */
  readonly workerctl: (words: string) => Promise<CommandResult>;
  /** Shows a command, runs it and shows its output; it must end with this exit code. */
  readonly runs: (words: string, exitCode: number) => Promise<CommandResult>;
  /**
   * Makes a claim and checks it: `problem` returns what was found instead, or undefined. With `withinMs` the claim may take
   * this long to become true.
   */
  readonly holds: (
    claim: string,
    problem: () => string | undefined,
    withinMs?: number,
  ) => Promise<void>;
  /** The pids of each instance, as the kernel knows them. */
  readonly processes: () => ReadonlyMap<string, readonly number[]>;
  /** All events of the journal, oldest first. */
  readonly events: () => readonly JournalEntry[];
  /** Kills all processes of the demo and removes the directory. Synchronous, because it may run while this process exits. */
  readonly clear: () => void;
  /** Waits until the commands that are running have ended. */
  readonly commandsEnded: () => Promise<unknown>;
}

export interface StageOptions {
  readonly workerctl: readonly string[];
  readonly colours: boolean;
  /** Ends the commands that are running. */
  readonly signal: AbortSignal;
  readonly teller: Teller;
}

/** Marks the commands that the demo runs, in their environment. */
const commandMarker = 'DEMO_FOLDER';

/** A command that takes longer than this hangs. */
const commandLimit = durationOf(20_000);

/** How often a claim is checked until it is true. */
const pollMs = 20;

/** Makes the directory, with the config, the worker program and an empty spool in it. */
export function createStage({ workerctl, colours, signal, teller }: StageOptions): Stage {
  const folder = temporaryFolder();
  const stateDir = join(folder, '.workerctl');
  const deploy = (version: number): void => {
    writeFileSync(join(folder, 'VERSION'), `${version}\n`);
  };
  for (const name of ['spool', 'working', 'done']) mkdirSync(join(folder, name));
  writeFileSync(join(folder, 'workerctl.yaml'), demoConfig);
  writeFileSync(join(folder, 'worker.sh'), workerProgram);
  deploy(1);

  const commands: Promise<unknown>[] = [];
  const run = async (words: string): Promise<CommandResult> => {
    const { end, lastLines } = await runProgram({
      command: [...workerctl, ...words.split(' ')],
      directory: folder,
      environment: { ...commandEnvironment(process.env, colours), [commandMarker]: folder },
      timeout: commandLimit,
      signal,
    });
    signal.throwIfAborted();
    return { output: lastLines.join('\n'), exitCode: end.kind === 'exited' ? end.status : -1 };
  };
  const start = (words: string): Promise<CommandResult> => {
    const running = run(words);
    commands.push(running.catch(() => undefined));
    return running;
  };
  return {
    ...teller,
    folder,
    deploy,
    workerctl: start,
    runs: async (words, exitCode) => {
      teller.command(`workerctl ${words}`);
      const result = await start(words);
      teller.output(result.output, result.exitCode);
      if (result.exitCode === exitCode) return result;
      throw new BrokenClaim(`workerctl ${words}: expected exit code ${exitCode}`);
    },
    holds: async (claim, problem, withinMs = 0) => {
      const begun = monotonicMs();
      for (;;) {
        signal.throwIfAborted();
        const found = problem();
        const took = monotonicMs() - begun;
        if (found === undefined || took > withinMs) {
          const isTimed = found === undefined && withinMs > 0;
          teller.claim(isTimed ? `${claim} (after ${(took / 1000).toFixed(1)} s)` : claim, found);
          if (found === undefined) return;
          throw new BrokenClaim(`${claim}: found ${found}`);
        }
        await sleep(pollMs, signal);
      }
    },
    processes: () => {
      const pids = new Map<string, number[]>();
      for (const {
        instance,
        process: { pid },
      } of findMarkedProcesses(stateDir))
        pids.set(instance, [...(pids.get(instance) ?? []), pid]);
      return pids;
    },
    events: () => readJournal(stateDir).lines.map(({ entry }) => entry),
    clear: () => {
      killAll([`WORKERCTL_STATE_DIR=${stateDir}`, `${commandMarker}=${folder}`]);
      rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
    },
    commandsEnded: () => Promise.all(commands),
  };
}

function temporaryFolder(): string {
  const parent = tmpdir();
  try {
    return realpathSync(mkdtempSync(join(parent, 'workerctl-demo-')));
  } catch (error) {
    throw new WorkerctlError(
      'failed',
      `demo: no directory can be made in ${parent}: ${describeErrno(error)}`,
      {
        hint: 'set TMPDIR to a directory that you can write to',
        cause: error,
      },
    );
  }
}

/** Our own environment, without what would make the commands behave differently from those that a person types. */
function commandEnvironment(env: NodeJS.ProcessEnv, colours: boolean): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(
    ([name]) =>
      (!name.startsWith('WORKERCTL_') || name === 'WORKERCTL_LOCK') &&
      !['NO_COLOR', 'FORCE_COLOR', 'NODE_EXTRA_CA_CERTS'].includes(name),
  );
  return { ...Object.fromEntries(kept), ...(colours ? { FORCE_COLOR: '1' } : { NO_COLOR: '1' }) };
}

/** How often to look again for processes that a dying one has just started, and how long between two looks. */
const killRounds = 250;
const killRoundMs = 20;

/** Kills all processes whose environment has one of these entries: commands, workers, their shims and children. */
function killAll(entries: readonly string[]): void {
  const isOurs = (pid: number): boolean => {
    if (pid === process.pid) return false;
    const environment = readEnvironment(pid);
    return entries.some((entry) => environment.includes(entry)) && readProcess(pid) !== undefined;
  };
  for (let round = 0; round < killRounds; round += 1) {
    const pids = listPids().filter(isOurs);
    if (pids.length === 0) return;
    for (const pid of pids) kill(pid);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, killRoundMs);
  }
  throw new Error(`these processes cannot be killed: ${listPids().filter(isOurs).join(' ')}`);
}

/** SIGKILL, for a process that may have exited just now. */
export function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error;
  }
}
