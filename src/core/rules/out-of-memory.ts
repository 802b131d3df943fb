import type { Death } from '../model/record.ts';

/** What is known of a death by SIGKILL whose cgroup has counted a kill because memory ran out. */
export interface KillClues {
  /** Whether the kernel's log names the process; undefined if it cannot be read. */
  readonly isLogged: boolean | undefined;
  /** We have killed it ourselves. */
  readonly isOurs: boolean;
  /** Another process that we know of was killed while it lived. */
  readonly isAmongOthers: boolean;
}

const sigkill = 9;

/**
 * Whether memory ran out is said only if it is known to be true of this process: the kernel's count is of the whole cgroup, so
 * after one such kill it is above what it was for every sibling, however that dies.
 */
export function withMemory(death: Death, clues: () => KillClues): Death {
  if (death.kind !== 'signalled' || death.signal !== sigkill) return death;
  const { kind, signal, coreDumped, outOfMemory } = death;
  const { isLogged, isOurs, isAmongOthers } = clues();
  if (isLogged === true) return { kind, signal, coreDumped, outOfMemory: 'certain' };
  const isOnlyOne = isLogged === undefined && !isOurs && !isAmongOthers;
  if (outOfMemory !== undefined && isOnlyOne) return death;
  return { kind, signal, coreDumped };
}
