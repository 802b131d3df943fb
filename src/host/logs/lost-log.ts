import { readlinkSync, statSync, type BigIntStats, type Stats } from 'node:fs';
import type { LostLog } from '../../core/model/lost-log.ts';
import type { ObservedLog } from '../../core/model/observation.ts';
import type { ProcessRecord } from '../../core/model/record.ts';
import { errnoOf } from '../files/errno.ts';
import { silentPaths } from '../process/silent-paths.ts';

type LoggedProcess = Pick<ProcessRecord, 'pid' | 'log'>;

/** Which regular file is at a path, `device:inode`; undefined if there is none. The kernel keeps it for an open file. */
export function fileKeyAt(path: string): string | undefined {
  if (silentPaths.has(path)) return undefined;
  const stats = statsOf(path);
  return stats?.isFile() === true ? keyOf(stats) : undefined;
}

const keyOf = ({ dev, ino }: Stats | BigIntStats): string => `${dev}:${ino}`;

/** As numbers, which take half as long, unless that of the inode is too large for one. */
function statsOf(path: string): Stats | BigIntStats | undefined {
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats === undefined || Number.isSafeInteger(stats.ino)) return stats;
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined; // not ours to see, or a part of the path is no directory
  }
}

/** Its standard output and standard error. */
const outputsOf = (pid: number): readonly string[] => [1, 2].map((fd) => `/proc/${pid}/fd/${fd}`);

/** The path by which a process's standard output or error can be opened, if that is this file. */
export const outputTo = (file: string, pid: number): string | undefined =>
  outputsOf(pid).find((path) => fileKeyAt(path) === file);

/** Whether we may not see what processes write to: each attempt would be an exception. */
let areLinksHidden = false;

/**
 * Whether the kernel says that a process has its logs open under their own paths, as its standard output and error. That is so
 * for most, and costs half as much as to look at the files. If not, it may have its logs nevertheless.
 */
export const hasLogsOpen = ({
  pid,
  log,
  errorLog,
}: Pick<ProcessRecord, 'pid' | 'log' | 'errorLog'>): boolean =>
  leadsTo(pid, 1, log.path) && (errorLog === undefined || leadsTo(pid, 2, errorLog.path));

function leadsTo(pid: number, fd: 1 | 2, path: string): boolean {
  if (areLinksHidden) return false;
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`) === path;
  } catch (error) {
    areLinksHidden = errnoOf(error) !== 'ENOENT';
    return false;
  }
}

/** The log of a living process and its size: that of the file which the process writes to, whatever has its name. */
export function measureLog(record: LoggedProcess): ObservedLog | undefined {
  const { path, file } = record.log;
  if (silentPaths.has(path)) return undefined;
  const stats = statsOf(path);
  const isFile = stats?.isFile() === true;
  const lost = isFile && keyOf(stats) === file ? undefined : lostLog(record);
  if (!isFile && lost === undefined) return undefined;
  const size = lost?.size ?? (isFile ? Number(stats.size) : 0);
  return { path, size, ...(lost && { lost }) };
}

/**
 * What has become of the log of a living process if it has lost it. Usually one look at the path shows that the file there is
 * the one that the process was given. A program that has directed its output elsewhere has lost nothing.
 */
export function lostLog({ pid, log }: LoggedProcess): LostLog | undefined {
  const { path, file } = log;
  if (file === undefined || silentPaths.has(path)) return undefined;
  const found = fileKeyAt(path);
  if (found === file) return undefined;
  const lost = { path, pid, file, isReplaced: found !== undefined };
  const open = outputTo(file, pid);
  if (open === undefined) return areHidden(pid) ? lost : undefined;
  const size = Number(statsOf(open)?.size ?? 0);
  const name = nameOf(open, file);
  return { ...lost, open, size, ...(name !== undefined && { name }) };
}

/** A process of another user. */
function areHidden(pid: number): boolean {
  try {
    readlinkSync(`/proc/${pid}/fd/1`);
    return false;
  } catch (error) {
    return errnoOf(error) === 'EACCES' || errnoOf(error) === 'EPERM';
  }
}

/** The name that an open file has now. Of a deleted one the kernel says so behind the name, which leads to no such file. */
function nameOf(open: string, file: string): string | undefined {
  try {
    const name = readlinkSync(open);
    return fileKeyAt(name) === file ? name : undefined;
  } catch {
    return undefined;
  }
}
