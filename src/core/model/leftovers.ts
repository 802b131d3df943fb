import { formatNames } from '../basics/names.ts';
import type { ProcessIdentity } from './process.ts';

/** A living process that somebody else has left behind. */
export interface LeftProcess {
  readonly pid: number;
  /** What it runs, as the kernel calls it. Source: proc_pid_comm(5). */
  readonly name: string;
}

/** What a dead process has left in its session: pool children, jobs that it has forked. */
export interface Leftovers {
  /** The dead one. */
  readonly of: ProcessIdentity;
  /** At least one. */
  readonly processes: readonly LeftProcess[];
  /** Whether somebody has told of them already. */
  readonly isTold: boolean;
}

/** `124 (ruby), 125 (ruby)`. */
export const namedProcesses = (processes: readonly LeftProcess[]): string =>
  formatNames(processes.map(({ pid, name }) => `${pid} (${name})`));

/** `2 processes of pid 123 are left: 124 (ruby), 125 (ruby)`. */
export const leftWords = (pid: number, processes: readonly LeftProcess[]): string =>
  `${countOf(processes)} of pid ${pid} ${processes.length === 1 ? 'is' : 'are'} left: ${namedProcesses(processes)}`;

const countOf = ({ length }: readonly LeftProcess[]): string =>
  length === 1 ? '1 process' : `${length} processes`;

/** What is waited for, where nothing is started while they live. */
export const awaitedWords = ({ of, processes }: Leftovers): string =>
  `waits for ${countOf(processes)} of pid ${of.pid}: ${namedProcesses(processes)}`;
