import { renameSync, statSync } from 'node:fs';
import { errnoOf } from './errno.ts';
import { effect } from './fault-point.ts';
import type { JournalLimits } from './journal-file.ts';
import { lockBackend } from './lock/choose-backend.ts';

export const journalPath = (stateDir: string): string => `${stateDir}/events.ndjson`;

/**
 * Puts the journal aside as `events.ndjson.1`, what had that name as `.2` and so on, and lets the oldest go. Whoever writes
 * at the same time loses nothing: a line goes into the file that its writer has open, whatever its name is by then.
 * @returns whether the journal is small again; false where somebody else is at it
 * @throws the system error
 */
export async function rotateJournal(
  stateDir: string,
  { maxBytes, keep }: JournalLimits,
): Promise<boolean> {
  const path = journalPath(stateDir);
  const [lock] = await lockBackend().tryLock([`${stateDir}/events.lock`]);
  if (lock === undefined) return false;
  try {
    // Another writer may have been first: then a new, small one is there.
    if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) < maxBytes) return true;
    for (let age = keep - 1; age >= 1; age -= 1)
      renameIfThere(`${path}.${age}`, `${path}.${age + 1}`);
    renameIfThere(path, `${path}.1`);
    return true;
  } finally {
    await lock.release();
  }
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
    effect();
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
