import { renameSync, statSync } from 'node:fs';
import { ifThere } from '../files/json-file.ts';
import { faultPoint } from '../files/fault-point.ts';
import { lockBackend } from '../lock/choose-backend.ts';
import { journalPath } from './path.ts';

/** When the journal is rotated, and how many older files are kept. */
export interface JournalLimits {
  readonly maxBytes: number;
  readonly keep: number;
}

/**
 * Renames the journal to `events.ndjson.1`, the previous `.1` to `.2` and so on; the oldest file is overwritten. A command
 * that writes at the same time loses nothing: its line goes into the file that it has open, whatever the name is by then.
 * @returns whether the journal is small again; false if another command is rotating it
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
    // Another command may have been first: the file is new and small then.
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
  ifThere(() => {
    renameSync(from, to);
    faultPoint();
  });
}
