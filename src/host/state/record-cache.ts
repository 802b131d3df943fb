import { existsSync } from 'node:fs';
import type { PidfileState } from '../../core/model/observation.ts';
import type { ProcessRecord } from '../../core/model/record.ts';
import { writeFileAtomically } from '../files/atomic-file.ts';
import { build } from '../files/build.ts';
import { longBound, textOrEmpty } from '../files/bounded-read.ts';
import { noteTrait } from '../process/traits.ts';
import { canBeKept, directoryStamp, type DirectoryStamp } from '../files/directory-stamp.ts';
import { hasLogsOpen } from '../logs/lost-log.ts';
import { lookAtLogs, type KeptLogs } from './kept-logs.ts';
import { lookAtPidfiles, type OtherPidfiles } from './kept-pidfiles.ts';
import { columnsOf, recordsIn, type RecordColumns, type RecordTable } from './record-columns.ts';
import { readPidfile, readRecord } from './records.ts';
import { foreignOwner } from './state-directory.ts';
import {
  baseOf,
  stagingDirectory,
  heartbeatFiles,
  isHeartbeatFile,
  listStateFiles,
  pidfilePath,
  recordedProcesses,
  type StateFiles,
} from './paths.ts';
import { type StateFile } from '../files/json-file.ts';

export interface RecordReader {
  readonly read: (name: string) => StateFile<ProcessRecord>;
  /** What the pidfile of an instance holds whose record was read; without a path that in the state directory. */
  readonly pidfile: (name: string, path?: string) => PidfileState;
  /** Whether the process of this record, which lives, is known to have its logs where they were opened. */
  readonly hasLogs: (name: string, record: ProcessRecord) => boolean;
  /** Call it when all have been read. */
  readonly keep: () => void;
}

/** What was found in the state directory, and the directory's stamp at that time. */
interface Kept {
  readonly stamp: string;
  readonly instances: StateFiles['instances'];
  readonly retiring: StateFiles['retiring'];
  readonly notes: readonly string[];
  readonly records: RecordColumns;
  /** The instances whose pidfiles in the directory did not have the pids of their records; undefined: none was read. */
  readonly otherPidfiles?: OtherPidfiles | undefined;
  /** Undefined: no log was looked at. */
  readonly logs?: KeptLogs | undefined;
}

/** Fewer than this are read just as quickly one by one. */
export const manyRecords = 64;

let lastFound: { readonly path: string; readonly found: Found } | undefined;

const pathIn = (stateDir: string): string => `${stagingDirectory(stateDir)}/records`;

/** The same as `listStateFiles`, but faster if there are hundreds and nothing has changed since the last look. */
export function stateFilesIn(stateDir: string): StateFiles {
  const kept = keptOf(stateDir);
  if (kept === undefined) return listStateFiles(stateDir);
  const { instances, retiring, notes } = kept;
  return { instances, retiring, notes: new Set([...notes, ...heartbeatFiles(stateDir)]) };
}

/**
 * Reads `count` records. Hundreds of records are read from one file, because opening and reading each takes 15 µs, and
 * hardly any has changed since the last look. A record is created with its process and removed with it, which changes the
 * directory's time; an empty one is about to be written, and is not kept. If that time is the same, and was some time ago
 * when the records were read, they are the same too. The same holds for pidfiles, which need not even be kept.
 */
export function createRecordReader(stateDir: string, count: number): RecordReader {
  const readOne = (name: string): StateFile<ProcessRecord> => readRecord(stateDir, name);
  if (count < manyRecords)
    return {
      read: readOne,
      pidfile: (name, path = pidfilePath(stateDir, name)) => readPidfile(path),
      hasLogs: (_, record) => hasLogsOpen(record),
      keep: () => undefined,
    };
  const kept = keptOf(stateDir);
  if (kept !== undefined) noteTrait('records');
  const begun = kept === undefined ? directoryStamp(stateDir) : { stamp: kept.stamp, isCalm: true };
  const seen = new Map<string, ProcessRecord>();
  const pidfiles = lookAtPidfiles(stateDir, kept?.otherPidfiles);
  const logs = lookAtLogs(kept?.logs);
  const isKept = (name: string): boolean => kept?.table.has(name) === true;
  return {
    read: (name) => {
      const value = kept?.table.get(name);
      const record = value === undefined ? readOne(name) : { kind: 'read' as const, value };
      // The record of a program that is being launched is about to change.
      if (record.kind === 'read' && record.value.launch === undefined) seen.set(name, record.value);
      return record;
    },
    pidfile: (name, path) => pidfiles.read(name, seen.get(name)?.pid, isKept(name), path),
    hasLogs: (name, record) => logs.areOpen(name, record, isKept(name)),
    keep: () => {
      const size = kept?.table.size ?? 0;
      if (begun === undefined || seen.size < size) return;
      const names = [...seen.keys()];
      const news = { otherPidfiles: pidfiles.news(names), logs: logs.news(names) };
      // These are others, or more: of a record that was not kept nothing else is known.
      const areNew = names.some((name) => !isKept(name));
      if (!areNew && news.otherPidfiles === undefined && news.logs === undefined) return;
      const { otherPidfiles = areNew ? undefined : kept?.otherPidfiles } = news;
      const { logs: keptLogs = areNew ? undefined : kept?.logs } = news;
      keep(stateDir, begun, seen, { otherPidfiles, logs: keptLogs });
    },
  };
}

/**
 * Keeps all records, and which pidfiles are right, if nothing has changed there for a moment. For a command that has followed
 * such changes: to the next one they would be too recent.
 * @param hasPidfile whether the pidfile of an instance is in the state directory
 * @returns whether nothing has changed
 */
export function keepRecords(stateDir: string, hasPidfile: (instance: string) => boolean): boolean {
  try {
    if (directoryStamp(stateDir)?.isCalm !== true) return false;
    const processes = recordedProcesses(stateDir);
    const reader = createRecordReader(stateDir, processes.length);
    for (const ref of processes) {
      reader.read(baseOf(ref));
      if (ref.retiring === undefined && hasPidfile(ref.instance)) reader.pidfile(ref.instance);
    }
    reader.keep();
    return true;
  } catch {
    return false; // the next look reads them one by one
  }
}

/** What is kept, as it was found to be right. */
type Found = Kept & { readonly table: RecordTable };

function keptOf(stateDir: string): Found | undefined {
  const path = pathIn(stateDir);
  const isKnown = lastFound?.path === path;
  if (!isKnown && !existsSync(path)) return undefined;
  const stamp = directoryStamp(stateDir)?.stamp;
  if (stamp === undefined) return undefined; // nothing was ever started there, or it cannot be read
  const found =
    isKnown && lastFound?.found.stamp === stamp ? lastFound.found : readKept(path, stamp);
  if (found !== undefined) lastFound = { path, found };
  return found;
}

/** In the first line the build and the stamp, which must be these; then all that is kept. */
function readKept(path: string, stamp: string): Found | undefined {
  try {
    const text = textOrEmpty(path, longBound);
    const head = headOf(stamp);
    if (!text.startsWith(head)) return undefined;
    const kept = JSON.parse(text.slice(head.length)) as Kept;
    const table = recordsIn(kept.records);
    return table && isWellFormed(kept) ? { ...kept, stamp, table } : undefined;
  } catch {
    return undefined; // torn, gone, or of another release
  }
}

const headOf = (stamp: string): string => `${build} ${stamp}\n`;

/** The file may have been edited by hand: a member of a wrong kind must not end a command. */
function isWellFormed({ instances, retiring, notes, otherPidfiles, logs }: Kept): boolean {
  return (
    areTexts(instances) &&
    retiring.every((ref) => areTexts([ref.instance, ref.retiring])) &&
    areTexts(notes) &&
    (otherPidfiles === undefined || areTexts(otherPidfiles)) &&
    (logs === undefined || (areTexts(logs.others) && areTexts(Object.values(logs.stamps))))
  );
}

const areTexts = (values: readonly unknown[]): boolean =>
  values.every((value) => typeof value === 'string');

function keep(
  stateDir: string,
  begun: DirectoryStamp,
  seen: ReadonlyMap<string, ProcessRecord>,
  facts: Pick<Kept, 'otherPidfiles' | 'logs'>,
): void {
  try {
    if (!canBeKept(stateDir, begun) || foreignOwner(stateDir) !== undefined) return;
    const { instances, retiring, notes: files } = listStateFiles(stateDir);
    if (!canBeKept(stateDir, begun)) return;
    const notes = [...files].filter((file) => !isHeartbeatFile(file));
    const kept = { instances, retiring, notes, ...facts, records: columnsOf(seen) };
    writeFileAtomically(pathIn(stateDir), `${headOf(begun.stamp)}${JSON.stringify(kept)}\n`);
    lastFound = undefined; // the next look of this process reads what is kept now
  } catch {
    return; // the next look reads them one by one
  }
}
