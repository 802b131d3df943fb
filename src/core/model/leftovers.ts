import { formatNames } from '../basics/names.ts';
import type { ProcessIdentity } from './process.ts';

/** A living process that a dead one left behind. */
export interface LeftProcess {
  readonly pid: number;
  /** The kernel's name for what it runs. Source: proc_pid_comm(5). */
  readonly name: string;
}

/**
 * A process that may go on with the job of a dead one: it has a session of its own and writes to the same log, or the config
 * says to wait for what is left.
 */
export interface ContinuingProcess extends LeftProcess, Pick<ProcessIdentity, 'startTime'> {}

/** What a dead process left in its session, such as pool children or jobs that it forked. */
export interface Leftovers {
  /** The dead process. */
  readonly of: ProcessIdentity;
  /** At least one. */
  readonly processes: readonly LeftProcess[];
  /** Whether they were reported before. */
  readonly isReported: boolean;
  /** Whether they were killed: what survives that is not killed again. */
  readonly wasKilled?: boolean;
}

/** `124 (ruby), 125 (ruby)`. */
export const namedProcesses = (processes: readonly LeftProcess[]): string =>
  formatNames(processes.map(({ pid, name }) => `${pid} (${name})`));

/** `left behind by pid 123, still running: 124 (ruby), 125 (ruby)`. */
export const leftWords = (pid: number, processes: readonly LeftProcess[]): string =>
  `left behind by pid ${pid}, still running: ${namedProcesses(processes)}`;

/** `5850 (node) of its session did not exit with pid 5841, and runs the old code`. */
export const survivorWords = (pid: number, processes: readonly LeftProcess[]): string => {
  const [verb, old] = processes.length === 1 ? ['was', 'it runs'] : ['were', 'they run'];
  return `pid ${pid} has exited, but ${namedProcesses(processes)} of its session ${verb} not reached by the stop: ${old} on`;
};

/** What an instance waits for if it must not be started while leftovers live. */
export const awaitedWords = ({ of, processes }: Leftovers): string =>
  `waiting for what pid ${of.pid} left behind: ${namedProcesses(processes)}`;
