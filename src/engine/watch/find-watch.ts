import { type Stats, lstatSync } from 'node:fs';
import { join } from 'node:path';
import type { LiveProcess } from '../../core/model/process.ts';
import { hasFlockOn } from '../../host/lock/pass-lock.ts';
import { listPids, readArguments, readProcess } from '../../host/process/process-table.ts';

/** The `workerctl watch` that holds the lock of this state directory. */
export function findWatch(stateDir: string): LiveProcess | undefined {
  const path = join(stateDir, 'watch.lock');
  if (statsOf(path) === undefined) return undefined;
  const pid = listPids().find(
    (one) => readArguments(one).includes('watch') && hasFlockOn(one, path),
  );
  return pid === undefined ? undefined : readProcess(pid);
}

/** Undefined for what cannot be examined; the check of the state directory says why. */
export function statsOf(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined;
  }
}
