import type { Candidate } from '../../core/rules/adoption.ts';
import type { LiveProcess } from '../../core/model/process.ts';
import { errnoOf } from '../files/errno.ts';
import { readOrEmpty } from '../files/read-or-empty.ts';
import {
  findProcess,
  readArguments,
  readEnvironment,
  readProcess,
  startedAt,
  userOf,
} from '../process/process-table.ts';
import { readRecord } from '../state/records.ts';
import { baseOf, recordedProcesses } from '../state/paths.ts';
import { markIn, sameDirectory, shimWords } from '../process/strays.ts';

/**
 * The facts that decide whether the process with this pid may belong to that instance; undefined if there is no such process.
 * Reads every record of the state directory: only for the few processes that a person or a pidfile has named.
 * @param owner the number of the user that the worker runs as, if that is another than the caller
 */
export function candidateAt(
  stateDir: string,
  instance: string,
  pid: number,
  owner?: number,
): Candidate | undefined {
  const process = readProcess(pid);
  if (process === undefined) return undefined;
  const threadOf = threadGroupOf(pid);
  const mark = markIn(readEnvironment(pid));
  const isHere = sameDirectory(stateDir);
  const belongsTo = ownerOf(stateDir, instance, process);
  return {
    process,
    ...(threadOf !== pid && { threadOf }),
    title: readArguments(pid).join(' ').trim(),
    isOtherUsers: isDenied(pid),
    ...(owner !== undefined && userOf(pid) !== owner && { isNotOfItsUser: true }),
    isAncestor: isAncestor(pid),
    isShim: shimWords(pid) !== undefined,
    ...(belongsTo !== undefined && { belongsTo }),
    hasMarker: mark.instance === instance && isHere(mark.stateDir),
    startedAt: startedAt(process),
  };
}

/** /proc also has the ids of threads, though it does not list them. */
const threadGroupOf = (pid: number): number =>
  Number(/^Tgid:\s*(\d+)$/m.exec(readOrEmpty(`/proc/${pid}/status`))?.[1] ?? pid);

function isDenied(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}

function isAncestor(pid: number): boolean {
  for (let at = process.pid; at > 0; at = readProcess(at)?.parentPid ?? 0)
    if (at === pid) return true;
  return false;
}

/**
 * What else the process belongs to, according to our records, its parent, or the records that its environment names.
 */
function ownerOf(stateDir: string, instance: string, found: LiveProcess): string | undefined {
  const { pid, parentPid, sessionId } = found;
  for (const ref of recordedProcesses(stateDir)) {
    if (ref.instance === instance && ref.retiring === undefined) continue;
    const record = readRecord(stateDir, baseOf(ref));
    if (record.kind !== 'read') continue;
    if (![pid, sessionId].includes(record.value.pid)) continue;
    if (findProcess(record.value) === undefined) continue;
    return ref.retiring === undefined ? ref.instance : `${ref.instance}, as its old process`;
  }
  const shim = shimWords(parentPid);
  if (shim !== undefined && !(shim.instance === instance && sameDirectory(stateDir)(shim.stateDir)))
    return `${shim.instance} in ${shim.stateDir}`;
  return markedOwner(stateDir, instance, found);
}

/** Children inherit a marker: a process belongs to its instance only by a record, or if the marker names its own pid. */
function markedOwner(stateDir: string, instance: string, found: LiveProcess): string | undefined {
  const mark = markIn(readEnvironment(found.pid));
  if (mark.instance === '' || mark.stateDir === '') return undefined;
  const isHere = sameDirectory(stateDir)(mark.stateDir);
  if (isHere && mark.instance === instance) return undefined;
  const words = isHere ? mark.instance : `${mark.instance} in ${mark.stateDir}`;
  if (mark.pid === String(found.pid)) return words;
  const record = readRecord(mark.stateDir, mark.instance);
  const isRecorded = record.kind === 'read' && record.value.pid === found.pid;
  return isRecorded && findProcess(record.value) !== undefined ? words : undefined;
}
