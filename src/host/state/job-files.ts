import { readlinkSync, rmSync, statSync } from 'node:fs';
import { busyWith, type Activity } from '../../core/model/activity.ts';
import { namesIn } from '../files/names-in.ts';
import { readProcess } from '../process/process-table.ts';
import { readActivity } from './activity-file.ts';
import { beatPlace, insideOf } from './beat-place.ts';
import { jobFolder } from './paths.ts';

/** More processes than this are not asked; then the instance is not called idle. */
const mostFiles = 1000;

/** How often a look that finds no process busy is repeated while the files keep changing. */
const mostLooks = 4;

interface JobsLook {
  readonly found: readonly (Activity | undefined)[];
  /** Changes with each change of the files. */
  readonly stamp: string;
}

/**
 * What all processes of an instance together say about their work: busy if any of them is, idle only if all are. Files of
 * processes that are gone are passed over while the instance lives, because the process that started them knows of their
 * end; if the instance has died, their jobs have died with it.
 * @param sweeps whether the files of processes that are gone are removed
 */
export function readJobs(
  heartbeat: string,
  { isAlive, sweeps }: { readonly isAlive: boolean; readonly sweeps: boolean },
): Activity | undefined {
  let before: string | undefined;
  for (let looks = 0; looks < mostLooks; looks += 1) {
    const { found, stamp } = lookAt(heartbeat, isAlive, sweeps);
    const busy = found.flatMap((one) => (one?.kind === 'busy' ? [one] : []));
    if (busy.length > 0)
      return busyWith(
        busy.flatMap(({ jobs }) => jobs),
        busy.reduce((sum, { count }) => sum + count, 0),
      );
    // Between two files a job can begin in one and end in the other: nothing may have changed between two looks.
    if (stamp === before) return found.includes(undefined) ? undefined : found[0];
    before = stamp;
  }
  return busyWith([]);
}

function lookAt(path: string, isAlive: boolean, sweeps: boolean): JobsLook {
  const heartbeat = beatPlace(path);
  const jobs = jobFolder(heartbeat);
  const stamps = [stampOf(heartbeat), stampOf(jobs)];
  const own = readActivity(heartbeat);
  const others = insideOf(jobs, (folder) => lookInto(folder, isAlive, sweeps));
  // A directory that cannot be read may be that of a process with a job.
  const { found, stamp } = others ?? { found: isFolder(jobs) ? [undefined] : [], stamp: '' };
  return { found: [own, ...found], stamp: [...stamps, stamp].join() };
}

function lookInto(folder: string, isAlive: boolean, sweeps: boolean): JobsLook {
  const names = namesIn(folder).filter((name) => nameForm.test(name));
  const asked = names.slice(0, mostFiles).filter((name) => {
    const isPassedOver = isAlive && isGone(name);
    if (isPassedOver && sweeps) remove(`${folder}/${name}`);
    return !isPassedOver;
  });
  const found = asked.map((name) => readActivity(`${folder}/${name}`));
  if (names.length > mostFiles) found.push(undefined);
  return { found, stamp: asked.join() };
}

function stampOf(path: string): string {
  try {
    const { ino, mtimeNs } = statSync(path, { bigint: true });
    return `${ino} ${mtimeNs}`;
  } catch {
    return '';
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** `PID`, its start time (field 22 of proc_pid_stat(5)) and its pid namespace, as far as the process has told them. */
const nameForm = /^([1-9]\d{0,9})(?:\.(\d{1,20})(?:\.(\d{1,20}))?)?$/;

/** Whether the process with this file is known to be gone. In another pid namespace pids mean other processes. */
function isGone(name: string): boolean {
  const [, pid, startTime, namespace] = nameForm.exec(name) ?? [];
  if (namespace !== undefined && namespace !== ownNamespace()) return false;
  const process = readProcess(Number(pid));
  return (
    process === undefined || (startTime !== undefined && process.startTime !== Number(startTime))
  );
}

let namespaceId: string | undefined;

/** The number in `pid:[4026531836]`; empty on a kernel without them. Source: namespaces(7). */
function ownNamespace(): string {
  try {
    namespaceId ??= /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '';
  } catch {
    namespaceId = '';
  }
  return namespaceId;
}

function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    return; // another user's: it is passed over by each look
  }
}
