import { type Stats, lstatSync } from 'node:fs';
import { join } from 'node:path';
import type { LiveProcess } from '../../core/model/process.ts';
import { hasFlockOn } from '../../host/lock/pass-lock.ts';
import { listPids, readArguments, readProcess } from '../../host/process/process-table.ts';

/** The process of ours that holds the lock of the watch of this state directory. */
export function findWatch(stateDir: string): LiveProcess | undefined {
  const path = join(stateDir, 'watch.lock');
  if (statsOf(path) === undefined) return undefined;
  const pid = listPids().find(
    (one) => readArguments(one).includes('watch') && hasFlockOn(one, path),
  );
  return pid === undefined ? undefined : readProcess(pid);
}

/** What cannot be looked at is not there; the check of the state directory tells why. */
export function statsOf(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined;
  }
}
