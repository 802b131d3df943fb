import { type Stats, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { LiveProcess } from '../../core/model/process.ts';
import { linkStatsOf } from '../../host/files/stats-of.ts';
import { hasFlockOn } from '../../host/lock/pass-lock.ts';
import { triggerPath } from '../../host/sockets/pull-trigger.ts';
import { listPids, readArguments, readProcess } from '../../host/process/process-table.ts';

/** The `workerctl watch` of this state directory: it holds the lock and, whatever the lock backend, reads the trigger. */
export function findWatch(stateDir: string): LiveProcess | undefined {
  const path = join(stateDir, 'watch.lock');
  if (linkStatsOf(path) === undefined) return undefined;
  const trigger = linkStatsOf(triggerPath(stateDir));
  const pid = listPids().find(
    (one) =>
      readArguments(one).includes('watch') && (hasFlockOn(one, path) || hasOpen(one, trigger)),
  );
  return pid === undefined ? undefined : readProcess(pid);
}

/** False for a process of another user. */
function hasOpen(pid: number, file: Stats | undefined): boolean {
  const folder = `/proc/${pid}/fd`;
  const isFile = (found: Stats | undefined): boolean =>
    found !== undefined && found.ino === file?.ino && found.dev === file.dev;
  try {
    return readdirSync(folder).some((fd) =>
      isFile(statSync(`${folder}/${fd}`, { throwIfNoEntry: false })),
    );
  } catch {
    return false;
  }
}
