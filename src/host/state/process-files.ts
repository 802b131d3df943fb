import { existsSync } from 'node:fs';
import type { Duration } from '../../core/basics/time.ts';
import type { Activity } from '../../core/model/activity.ts';
import { isSameProcess, type ProcessIdentity } from '../../core/model/process.ts';
import type { Killing, ProcessRecord, Quieting, Stop } from '../../core/model/record.ts';
import { now } from '../process/clock.ts';
import { beatPlace } from './beat-place.ts';
import { readActivity } from './activity-file.ts';
import { readJobs } from './job-files.ts';
import { readDeath, type ReportedDeath } from './exits.ts';
import {
  dumpOf,
  killingOf,
  quietOf,
  readExtension,
  readSaidStatus,
  readStop,
  readSuccessor,
  readyAge,
} from './notes.ts';
import { heartbeatName, heartbeatPath, jobFolder, stopPath } from './paths.ts';
import { readQuietEnd } from './quiet-end.ts';

/** All that the state directory holds about one process, other than its record. */
export interface ProcessFiles {
  readonly stop?: Stop;
  /** How old it was when it showed that it is ready; undefined: it was not seen to. */
  readonly readyAge?: Duration;
  readonly activity?: Activity;
  /** The process that it has named as its successor, alive or not. */
  readonly successor?: ProcessIdentity;
  /** Of a living process. */
  readonly quiet?: Quieting;
  readonly saidStatus?: string;
  /** Until when it has extended its time limits, since the boot of the host. */
  readonly extendedUntil?: Duration;
  /** When it was asked for a dump, since the boot of the host. */
  readonly dumpedAt?: Duration;
  /** Of a dead process. */
  readonly death?: ReportedDeath;
  readonly killing?: Killing;
}

/**
 * Reads them in one step. `base` is what their names begin with; `listed` are the notes that exist, if the directory was
 * listed: others are not asked for. A death can come after the listing: what it has changed is always asked for.
 * `sweeps`: what processes that are gone have left is removed.
 */
export function readProcessFiles(
  stateDir: string,
  base: string,
  record: ProcessRecord,
  {
    isAlive,
    sweeps = false,
    listed,
  }: {
    readonly isAlive: boolean;
    readonly sweeps?: boolean;
    readonly listed?: ReadonlySet<string>;
  },
): ProcessFiles {
  const { runId } = record;
  const files: { -readonly [Key in keyof ProcessFiles]: ProcessFiles[Key] } = {};
  const heartbeat = heartbeatName(base, runId);
  const has = (file: string): boolean => listed?.has(file) ?? true;
  const hasNote = (kind: string): boolean => has(`${base}.${kind}`);
  // Assigned one by one: to spread an object takes a microsecond, and there may be a thousand.
  const set = <Key extends keyof ProcessFiles>(
    key: Key,
    value: ProcessFiles[Key] | undefined,
  ): void => {
    if (value !== undefined) files[key] = value;
  };
  if (hasNote('ready')) set('readyAge', readyAge(stateDir, base, runId));
  const path = heartbeatPath(stateDir, base, runId);
  if (listed?.has(jobFolder(heartbeat)) ?? existsSync(jobFolder(path)))
    set('activity', readJobs(path, { isAlive, sweeps }));
  else if (has(heartbeat)) set('activity', readActivity(beatPlace(path)));
  if (hasNote('successor')) set('successor', readSuccessor(stateDir, base, runId));
  if (!isAlive || hasNote('stop')) set('stop', stopOf(stateDir, base, record));
  if (!isAlive) {
    set('death', readDeath(stateDir, base, record));
    set('killing', killingOf(stateDir, base, record));
    return files;
  }
  if (hasNote('quiet')) set('quiet', quietingOf(stateDir, base, record));
  if (hasNote('dump')) set('dumpedAt', dumpOf(stateDir, base, record)?.at);
  if (has(`${heartbeat}.extend`)) set('extendedUntil', readExtension(stateDir, base, runId));
  if (has(`${heartbeat}.status`)) set('saidStatus', readSaidStatus(stateDir, base, runId));
  return files;
}

/** The request to take no new job, with the end of its command. */
export function quietingOf(
  stateDir: string,
  base: string,
  record: ProcessRecord,
): Quieting | undefined {
  const quiet = quietOf(stateDir, base, record);
  if (quiet?.commandUntil === undefined) return quiet;
  const end = readQuietEnd(stateDir, base, record.runId, quiet.commandUntil);
  return end === undefined ? quiet : { ...quiet, end };
}

/** A stop file that cannot be understood counts as a signal that may have been sent: a second one would cost some workers their job. */
export function stopOf(stateDir: string, base: string, process: ProcessIdentity): Stop | undefined {
  const file = readStop(stateDir, base);
  switch (file.kind) {
    case 'absent':
      return undefined;
    case 'read':
      return isSameProcess(file.value.process, process) ? file.value : undefined;
    case 'broken': {
      const { problem, isUnreadable } = file;
      const unclear = {
        path: stopPath(stateDir, base),
        problem,
        ...(isUnreadable && { isUnreadable }),
      };
      return { process, sent: true, signal: 'TERM', at: now(), cause: problem, unclear };
    }
  }
}
