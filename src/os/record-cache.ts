import { readFileSync, statSync } from 'node:fs';
import type { ProcessRecord } from '../core/record.ts';
import { writeFileAtomically } from './atomic-file.ts';
import { readRecordText, recordIn, type StateFile } from './state-files.ts';

/** Reads the records of one look. */
export interface RecordReader {
  readonly read: (name: string) => StateFile<ProcessRecord>;
  /** Call it when all were read. */
  readonly keep: () => void;
}

/** The texts of records, and what the state directory was like when they were read. */
interface Kept {
  readonly stamp: string;
  readonly texts: ReadonlyMap<string, string>;
}

/** Fewer are read as quickly one by one. */
const many = 64;

/** So long nothing may have happened in the directory: the clock of a file system may tick every 2 seconds only. */
const restMs = 3_000;

let lastKept: { readonly path: string; readonly kept: Kept } | undefined;

/**
 * Records by the hundred, from one file: to open and read each takes 15 µs, and hardly one has changed since the last
 * look. A record comes and goes by a rename, which changes the directory's time: while that is the same, and lay some time
 * back when they were read, they are the same too.
 */
export function createRecordReader(stateDir: string, names: readonly string[]): RecordReader {
  const readOne = (name: string): StateFile<ProcessRecord> =>
    recordIn(readRecordText(stateDir, name), stateDir, name);
  if (names.length < many) return { read: readOne, keep: () => undefined };
  const path = `${stateDir}/.new/records`; // not in the directory itself, whose time it must not change
  const stamp = stampOf(stateDir)?.stamp;
  const kept = stamp === undefined ? undefined : keptAs(path, stamp);
  if (kept !== undefined)
    return {
      read: (name) => {
        const value = kept.texts.get(name);
        const record = value && recordIn({ kind: 'read', value }, stateDir, name);
        return record && record.kind === 'read' ? record : readOne(name);
      },
      keep: () => undefined,
    };
  const texts = new Map<string, string>();
  return {
    read: (name) => {
      const text = readRecordText(stateDir, name);
      const record = recordIn(text, stateDir, name);
      const line = text.kind === 'read' && record.kind === 'read' ? text.value.trimEnd() : '\n';
      if (!line.includes('\n')) texts.set(name, line);
      return record;
    },
    keep: () => {
      const now = stampOf(stateDir);
      if (stamp !== undefined && now?.stamp === stamp && Date.now() - now.changedMs > restMs)
        keep(path, { stamp, texts });
    },
  };
}

/** Which directory it is, and when a file last came, went or was renamed in it. */
function stampOf(stateDir: string): { stamp: string; changedMs: number } | undefined {
  try {
    const { dev, ino, mtimeNs, mtimeMs } = statSync(stateDir, { bigint: true });
    return { stamp: `${dev} ${ino} ${mtimeNs}`, changedMs: Number(mtimeMs) };
  } catch {
    return undefined; // nothing was ever started there, or nobody may look
  }
}

function keptAs(path: string, stamp: string): Kept | undefined {
  const kept = lastKept?.path === path ? lastKept.kept : readKept(path);
  if (kept?.stamp !== stamp) return undefined;
  lastKept = { path, kept };
  return kept;
}

/** The stamp in the first line; then the name and the record of one in each. */
function readKept(path: string): Kept | undefined {
  try {
    const [stamp = '', ...lines] = readFileSync(path, 'utf8').split('\n');
    const texts = new Map<string, string>();
    for (const line of lines) {
      const at = line.indexOf(' ');
      if (at > 0) texts.set(line.slice(0, at), line.slice(at + 1));
    }
    return { stamp, texts };
  } catch {
    return undefined; // there is none yet
  }
}

function keep(path: string, kept: Kept): void {
  lastKept = { path, kept };
  const lines = [...kept.texts].map(([name, text]) => `${name} ${text}\n`);
  try {
    writeFileAtomically(path, `${kept.stamp}\n${lines.join('')}`);
  } catch {
    return; // whoever looks next reads them one by one
  }
}
