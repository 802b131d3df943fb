import { existsSync, statSync } from 'node:fs';
import type { PidfileState } from '../../core/model/observation.ts';
import type { ProcessRecord } from '../../core/model/record.ts';
import { writeFileAtomically } from '../files/atomic-file.ts';
import { textOrEmpty } from '../files/bounded-read.ts';
import { parseRecord, readPidfile, readRecord, recordText } from './records.ts';
import { foreignOwner } from './state-directory.ts';
import {
  stagingDirectory,
  heartbeatFiles,
  isHeartbeatFile,
  listStateFiles,
  pidfilePath,
  type StateFiles,
} from './paths.ts';
import { type StateFile } from '../files/json-file.ts';

export interface RecordReader {
  readonly read: (name: string) => StateFile<ProcessRecord>;
  /** What the pidfile of an instance holds whose record was read. */
  readonly pidfile: (name: string, path: string) => PidfileState;
  /** Call it when all have been read. */
  readonly keep: () => void;
}

/** What was found in the state directory, and the directory's stamp at that time. */
interface Kept {
  readonly stamp: string;
  readonly instances: StateFiles['instances'];
  readonly retiring: StateFiles['retiring'];
  readonly notes: readonly string[];
  /** Those whose pidfiles in the directory had the pids of their records; undefined: no pidfile was read. */
  readonly withPidfile?: readonly string[] | undefined;
  /** By name, as they are in their files. */
  readonly records: Readonly<Record<string, unknown>>;
}

/**
 * A pidfile that is rewritten in place does not change the time of the directory. So each look reads one in this many all the
 * same, the next ones a minute later.
 */
const pidfileTurns = 15;
const turnMs = 60_000;

/** Fewer than this are read just as quickly one by one. */
const many = 64;

/**
 * For this long nothing may have changed in the directory: the clock of a file system may tick only every 2 seconds.
 */
const restMs = 3_000;

let lastKept: { readonly path: string; readonly kept: Kept } | undefined;

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
  if (count < many)
    return { read: readOne, pidfile: (_, path) => readPidfile(path), keep: () => undefined };
  const kept = keptOf(stateDir);
  const { records = {}, withPidfile } = kept ?? {};
  const stamp = kept?.stamp ?? stampOf(stateDir)?.stamp;
  const seen = new Map<string, ProcessRecord>();
  const known = new Set(withPidfile);
  const right = new Set<string>();
  const turn = Math.floor(Date.now() / turnMs) % pidfileTurns;
  let [asked, isAnyLost] = [0, false];
  return {
    read: (name) => {
      const value = parseRecord(records[name], name);
      const record = value === undefined ? readOne(name) : { kind: 'read' as const, value };
      // The record of a program that is being launched is about to change.
      if (record.kind === 'read' && record.value.launch === undefined) seen.set(name, record.value);
      return record;
    },
    pidfile: (name, path) => {
      const isInTurn = asked % pidfileTurns === turn;
      asked += 1;
      const pid = seen.get(name)?.pid;
      if (pid === undefined || path !== pidfilePath(stateDir, name)) return readPidfile(path);
      const isKnown = known.has(name);
      const found = isKnown && !isInTurn ? { kind: 'holds' as const, pid } : readPidfile(path);
      const isRight = found.kind === 'holds' && found.pid === pid;
      if (isRight) right.add(name);
      else isAnyLost ||= isKnown;
      return found;
    },
    keep: () => {
      const hasMore = asked > 0 && withPidfile === undefined;
      const isLarger = seen.size > Object.keys(records).length;
      if (stamp === undefined || !(isLarger || hasMore || isAnyLost)) return;
      keep(stateDir, stamp, seen, asked > 0 ? [...right] : withPidfile);
    },
  };
}

/** Which directory it is, and when a file last came, went or was renamed in it. */
function stampOf(stateDir: string): { stamp: string; changedMs: number } | undefined {
  try {
    const { dev, ino, mtimeNs, mtimeMs } = statSync(stateDir, { bigint: true });
    return { stamp: `${dev} ${ino} ${mtimeNs}`, changedMs: Number(mtimeMs) };
  } catch {
    return undefined; // nothing was ever started there, or it cannot be read
  }
}

function keptOf(stateDir: string): Kept | undefined {
  const path = pathIn(stateDir);
  const isKnown = lastKept?.path === path;
  if (!isKnown && !existsSync(path)) return undefined;
  const stamp = stampOf(stateDir)?.stamp;
  if (stamp === undefined) return undefined;
  const kept = isKnown && lastKept?.kept.stamp === stamp ? lastKept.kept : readKept(path, stamp);
  if (kept !== undefined) lastKept = { path, kept };
  return kept;
}

/** Some ten thousand records. */
const maxBytes = 64 * 1024 * 1024;

/** The stamp in the first line, which must be this one; then all that is kept. */
function readKept(path: string, stamp: string): Kept | undefined {
  try {
    const text = textOrEmpty(path, maxBytes);
    if (!text.startsWith(`${stamp}\n`)) return undefined;
    const kept = JSON.parse(text.slice(stamp.length)) as Partial<Kept>;
    const { instances, retiring, notes, withPidfile, records } = kept;
    return instances && retiring && notes && records
      ? { stamp, instances, retiring, notes, withPidfile, records }
      : undefined;
  } catch {
    return undefined; // torn, or gone
  }
}

function keep(
  stateDir: string,
  stamp: string,
  seen: ReadonlyMap<string, ProcessRecord>,
  withPidfile: readonly string[] | undefined,
): void {
  const isSame = (): boolean => {
    const now = stampOf(stateDir);
    return now?.stamp === stamp && Date.now() - now.changedMs > restMs;
  };
  try {
    if (!isSame() || foreignOwner(stateDir) !== undefined) return;
    const { instances, retiring, notes } = listStateFiles(stateDir);
    if (!isSame()) return;
    const others = [...notes].filter((note) => !isHeartbeatFile(note));
    const records = [...seen]
      .map(([name, record]) => `${JSON.stringify(name)}:${recordText(record)}`)
      .join(',\n');
    const about = JSON.stringify({ instances, retiring, notes: others, withPidfile });
    const json = `${about.slice(0, -1)},"records":{${records}}}`;
    writeFileAtomically(pathIn(stateDir), `${stamp}\n${json}\n`);
    lastKept = undefined; // the next look of this process reads what is kept now
  } catch {
    return; // the next look reads them one by one
  }
}
