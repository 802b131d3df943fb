// What the tests of real workers need beside the shared rig: they write their own configs, run side by side in one file, and
// may take minutes.
import { endFolder, makeDirectory } from '../rig/folder.ts';
import { launcher, runProgram, type Running, type Variables } from '../rig/programs.ts';

export interface Rig {
  readonly folder: string;
  /** What a worker's `env` must hold, so that its processes are found and ended with the rig. */
  readonly env: Variables;
  /** Runs a program in the folder; never throws because of its exit code. */
  readonly run: (file: string, args?: readonly string[]) => Running;
  readonly workerctl: (...args: readonly string[]) => Running;
  readonly end: () => Promise<void>;
}

export function createRig(): Rig {
  const folder = makeDirectory();
  const env = { RIG: folder };
  const run = (file: string, args: readonly string[] = []): Running =>
    runProgram(folder, env, file, args, 120_000);
  return {
    folder,
    env,
    run,
    workerctl: (...args) => run(process.execPath, [launcher, ...args]),
    end: () => endFolder(folder),
  };
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
