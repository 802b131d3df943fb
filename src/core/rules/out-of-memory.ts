import type { Death } from '../model/record.ts';

/** What is known of a death by SIGKILL. */
export interface KillClues {
  /** The cgroup has counted a kill because memory ran out, while the process lived. */
  readonly isCounted: boolean;
  /** Whether the kernel's log names the process; undefined if it cannot be read. */
  readonly isLogged: boolean | undefined;
  /** We have killed it ourselves. */
  readonly isOurs: boolean;
  /** Whether another process that we know of was killed while it lived. Asked last: the answer takes 5 ms. */
  readonly isAmongOthers: () => boolean;
  /** The limit of its own control group at which that count was made, in bytes. */
  readonly limit?: number | undefined;
}

const sigkill = 9;

/**
 * Whether memory ran out is said only if it is known to be true of this process: the kernel's count is of the whole cgroup, so
 * after one such kill it is above what it was for every sibling, however that dies. In a group of its own it has none.
 */
export function withMemory(death: Death, clues: () => KillClues): Death {
  if (death.kind !== 'signalled' || death.signal !== sigkill) return death;
  const { isLogged, isCounted, isOurs, isAmongOthers, limit } = clues();
  const known = {
    outOfMemory: 'certain',
    ...(limit !== undefined && { memoryLimit: limit }),
  } as const;
  if (isLogged === true) return { ...death, ...known };
  if (limit !== undefined && isLogged === undefined && !isOurs) return { ...death, ...known };
  const isLikely = isCounted && isLogged === undefined && !isOurs && !isAmongOthers();
  return isLikely ? { ...death, outOfMemory: 'likely' } : death;
}
