import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { interruption } from '../../cli/interruption.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import { describeErrno, errnoOf } from '../../host/files/errno.ts';
import { block } from '../../host/process/clock.ts';
import { listPids, readEnvironment, readProcess } from '../../host/process/process-table.ts';
import { BrokenClaim, commandMarker, createStage, type StageOptions } from './stage.ts';
import { tellStory } from './story.ts';
import { demoConfig, workerProgram } from './worker-program.ts';

export interface DemoOutcome {
  /** Whether every claim of the story was true. */
  readonly held: boolean;
  /** The number of the signal that ended it early. */
  readonly signal?: number | undefined;
}

/** What to type after a story that holds. */
const whatNext = `
Next, in the directory of your application:
  workerctl init     writes workerctl.yaml from what the project has
  workerctl check    checks it, and prints it with all defaults
  workerctl start
  workerctl status
  workerctl restart  the last step of every deploy
`;

/** The story must not take longer. */
const storyMs = 30_000;

/**
 * Plays a deploy with three real workers and a real spool of jobs in a temporary directory, and checks each claim that it
 * makes. Leaves no process and no file, however it ends.
 */
export async function demo(
  options: Pick<StageOptions, 'workerctl' | 'print' | 'colours'>,
): Promise<DemoOutcome> {
  const interrupt = interruption();
  const folder = temporaryFolder();
  for (const name of ['spool', 'working', 'done']) mkdirSync(join(folder, name));
  writeFileSync(join(folder, 'workerctl.yaml'), demoConfig);
  writeFileSync(join(folder, 'worker.sh'), workerProgram);
  const clear = (): void => {
    killAllOf(folder);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
  };
  process.once('exit', clear);
  const signal = AbortSignal.any([interrupt.signal, AbortSignal.timeout(storyMs)]);
  const stage = createStage({ ...options, folder, signal });
  try {
    await tellStory(stage);
    stage.end('The story holds: no job was lost, and none was done twice.', true);
    options.print(whatNext);
    return { held: true };
  } catch (error) {
    const isBroken = error instanceof BrokenClaim;
    if (!signal.aborted && !isBroken) throw error;
    const problem = isBroken ? error.message : `it took more than ${storyMs / 1000} s`;
    const received = interrupt.received();
    stage.end(
      received === undefined ? `The story does not hold: ${problem}.` : 'Interrupted; cleaning up.',
      false,
    );
    return { held: false, signal: received };
  } finally {
    await stage.commandsEnded();
    clear();
    process.off('exit', clear);
    interrupt.dispose();
  }
}

function temporaryFolder(): string {
  const parent = tmpdir();
  try {
    return realpathSync(mkdtempSync(join(parent, 'workerctl-demo-')));
  } catch (error) {
    const problem = `demo: no directory can be made in ${parent}: ${describeErrno(error)}`;
    const hint = 'set TMPDIR to a directory that you can write to';
    throw new WorkerctlError('failed', problem, { hint, cause: error });
  }
}

/** How often to look again for processes that a dying one has just started, and how long between two looks. */
const killRounds = 250;
const killRoundMs = 20;

/**
 * Kills the commands of the demo, its workers, their shims and children: all that the environment shows. Synchronous,
 * because it may run while this process exits.
 */
function killAllOf(folder: string): void {
  const entries = [
    `WORKERCTL_STATE_DIR=${join(folder, '.workerctl')}`,
    `${commandMarker}=${folder}`,
  ];
  const isOurs = (pid: number): boolean => {
    if (pid === process.pid) return false;
    const environment = readEnvironment(pid);
    return entries.some((entry) => environment.includes(entry)) && readProcess(pid) !== undefined;
  };
  for (let round = 0; round < killRounds; round += 1) {
    const pids = listPids().filter(isOurs);
    if (pids.length === 0) return;
    for (const pid of pids) kill(pid);
    block(killRoundMs);
  }
  throw new Error(`these processes cannot be killed: ${listPids().filter(isOurs).join(' ')}`);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error; // it may have exited just now
  }
}
