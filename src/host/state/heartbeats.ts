import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  readdirSync,
  statSync,
  statfsSync,
  utimesSync,
} from 'node:fs';
import { join } from 'node:path';
import { durationOf, type Duration } from '../../core/basics/time.ts';
import { writeFileAtomically } from '../files/atomic-file.ts';
import { monotonicMs } from '../process/clock.ts';
import { currentBootId } from '../process/process-table.ts';
import { errnoOf } from '../files/errno.ts';
import {
  heartbeatFile,
  heartbeatFolder,
  heartbeatName,
  heartbeatPath,
  recordPath,
} from './paths.ts';

/** Measures how long processes have given no sign of life. */
export interface SilenceTracker {
  /**
   * How long the process of this start has been silent, as far as anybody has looked. `beats` are the files that there are,
   * where that is known.
   */
  readonly silenceOf: (name: string, runId: string, beats?: ReadonlySet<string>) => Duration;
  /** The heartbeat files that there are, for whoever asks for many at once; undefined where they cannot be listed. */
  readonly beats: () => ReadonlySet<string> | undefined;
  /**
   * Whether the process gives its signs of life by sd_notify(3), and this watch has heard none yet: many programs give up
   * when one could not be sent, such as while no watch was there, and must not die of that.
   */
  readonly isUnheard: (name: string, runId: string) => boolean;
  /** Notes a sign of life that the process of this start has sent by sd_notify(3). */
  readonly hear: (name: string, runId: string) => void;
  /** Keeps what was seen for whoever looks next: only who looks again and again remembers it himself. */
  readonly save: () => void;
}

interface Seen {
  readonly runId: string;
  /** When the heartbeat file was last touched, 0 while there is none: only that it changes means something. */
  readonly beat: number;
  /** When it was first seen so, on the monotonic clock. */
  readonly since: number;
}

const filePath = (stateDir: string): string => join(stateDir, 'silence.json');

/** A timer may be so late on a busy host. */
const lateMs = 2_000;

/**
 * Silence is how long the heartbeat file has been seen unchanged, on a clock that neither jumps nor counts the time that
 * the host was suspended (CLOCK_MONOTONIC, the same for all processes of one boot). So a process that nobody has looked
 * at is not silent yet, and no jump of the wall clock makes it so. That clock does count the time for which a container was
 * frozen (docker pause): who looks once in `tick` ms, and finds that he has not for much longer, takes it that nobody ran
 * meanwhile, and calls none of it silence.
 */
export function createSilenceTracker(
  stateDir: string,
  { tick }: { readonly tick?: number } = {},
): SilenceTracker {
  let known: Map<string, Seen> | undefined;
  let lookedAt: number | undefined;
  const forgiveFrozen = (seen: Map<string, Seen>, now: number): void => {
    const lost = tick === undefined || lookedAt === undefined ? 0 : now - lookedAt - tick;
    lookedAt = now;
    if (lost < lateMs) return;
    for (const [name, one] of seen)
      seen.set(name, { ...one, since: Math.min(now, one.since + lost) });
  };
  const heard = new Set<string>();
  return {
    isUnheard: (name, runId) =>
      !heard.has(runId) && existsSync(notifyMark(heartbeatPath(stateDir, name, runId))),
    hear: (name, runId) => {
      const path = heartbeatPath(stateDir, name, runId);
      if (!heard.has(runId)) touch(notifyMark(path));
      heard.add(runId);
      touch(path);
    },
    beats: () => beatsIn(stateDir),
    silenceOf: (name, runId, beats) => {
      known ??= readSeen(stateDir);
      const now = monotonicMs();
      forgiveFrozen(known, now);
      const isThere = beats?.has(heartbeatName(name, runId)) !== false;
      const beat = isThere ? beatOf(heartbeatPath(stateDir, name, runId)) : 0;
      const before = known.get(name);
      if (before?.runId === runId && before.beat === beat && before.since <= now)
        return durationOf(now - before.since);
      known.set(name, { runId, beat, since: now });
      return durationOf(0);
    },
    save: () => {
      if (known === undefined) return;
      const there = [...known].filter(([name]) => existsSync(recordPath(stateDir, name)));
      const json = { boot_id: currentBootId(), seen: Object.fromEntries(there) };
      try {
        writeFileAtomically(filePath(stateDir), `${JSON.stringify(json)}\n`);
      } catch {
        return; // nobody is killed for what could not be written down
      }
    },
  };
}

/** Lets the process of this start be heard by sd_notify(3) alone, before it is taken for silent. */
export const awaitNotify = (stateDir: string, name: string, runId: string): void => {
  touch(notifyMark(heartbeatPath(stateDir, name, runId)));
};

/** Beside the heartbeat file of a process that speaks sd_notify(3). */
const notifyMark = (path: string): string => `${path}.notify`;

/** As touch(1): what a worker has written there stays. */
function touch(path: string): void {
  try {
    closeSync(openSync(path, 'a'));
    const now = new Date();
    utimesSync(path, now, now);
  } catch {
    return; // on a full disk silence is forgiven anyway
  }
}

const quietly = { throwIfNoEntry: false } as const;

/** The kernel's time of change: whoever sets the same time of modification again and again gives signs of life as well. */
function beatOf(path: string): number {
  try {
    return statSync(path, quietly)?.ctimeMs ?? 0;
  } catch {
    return NaN; // never the same twice: nobody is killed for what cannot be looked at
  }
}

function beatsIn(stateDir: string): ReadonlySet<string> | undefined {
  try {
    const files = readdirSync(heartbeatFolder(stateDir));
    return new Set(files.map((file) => heartbeatFile(file)));
  } catch (error) {
    return errnoOf(error) === 'ENOENT' ? new Set() : undefined;
  }
}

function readSeen(stateDir: string): Map<string, Seen> {
  try {
    const { boot_id, seen } = JSON.parse(readFileSync(filePath(stateDir), 'utf8')) as {
      boot_id: unknown;
      seen: Record<string, unknown>;
    };
    if (boot_id !== currentBootId()) return new Map();
    return new Map(
      Object.entries(seen).flatMap(([name, one]): [string, Seen][] =>
        isSeen(one) ? [[name, one]] : [],
      ),
    );
  } catch {
    return new Map(); // nobody has looked yet
  }
}

function isSeen(value: unknown): value is Seen {
  if (typeof value !== 'object' || value === null) return false;
  const { runId, beat, since } = value as Record<string, unknown>;
  return typeof runId === 'string' && typeof beat === 'number' && typeof since === 'number';
}

/** Whether the disk has no room: then a worker that writes its beats may be silent for no fault of its own. */
export function isDiskFull(stateDir: string, sizesOf: typeof roomOf = roomOf): boolean {
  try {
    const { blocks, bavail } = sizesOf(heartbeatFolder(stateDir));
    return blocks > 0 && bavail === 0; // some file systems do not say how large they are
  } catch {
    return false;
  }
}

const roomOf = (folder: string): { readonly blocks: number; readonly bavail: number } =>
  statfsSync(folder);
