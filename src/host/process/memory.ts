import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Observation } from '../../core/model/observation.ts';
import { writeFileAtomically } from '../files/atomic-file.ts';
import { pageBytes } from './process-table.ts';

/** Remembers how much memory processes had when they were last seen: of a dead one the kernel no longer tells. */
export interface MemoryTracker {
  /** Notes the memory of all that live. */
  readonly see: (observation: Observation) => void;
  /** The memory of an instance's process of this start, in bytes; undefined where nobody has looked at it. */
  readonly rssOf: (name: string, runId: string) => number | undefined;
  /** Keeps what was seen for whoever looks next. */
  readonly save: () => void;
}

interface Seen {
  readonly runId: string;
  readonly pages: number;
}

export function createMemoryTracker(stateDir: string): MemoryTracker {
  const path = join(stateDir, 'memory.json');
  const seen = new Map<string, Seen>();
  let before: ReadonlyMap<string, Seen> | undefined;
  return {
    see: ({ instances }) => {
      for (const { name, presence } of instances.values()) {
        if (presence.kind !== 'alive' || presence.process.rssPages === undefined) continue;
        seen.set(name, { runId: presence.record.runId, pages: presence.process.rssPages });
      }
    },
    rssOf: (name, runId) => {
      const own = seen.get(name);
      const last = own?.runId === runId ? own : (before ??= readSeen(path)).get(name);
      return last?.runId === runId ? last.pages * pageBytes() : undefined;
    },
    save: () => {
      if (seen.size === 0) return;
      try {
        writeFileAtomically(path, `${JSON.stringify(Object.fromEntries(seen))}\n`);
      } catch {
        return; // a death will be told without it
      }
    },
  };
}

function readSeen(path: string): ReadonlyMap<string, Seen> {
  try {
    const value = JSON.parse(readFileSync(path, 'utf8')) as unknown;
    if (typeof value !== 'object' || value === null) return new Map();
    return new Map(
      Object.entries(value).flatMap(([name, one]): [string, Seen][] =>
        isSeen(one) ? [[name, one]] : [],
      ),
    );
  } catch {
    return new Map(); // nobody has looked yet
  }
}

function isSeen(value: unknown): value is Seen {
  if (typeof value !== 'object' || value === null) return false;
  const { runId, pages } = value as Record<string, unknown>;
  return typeof runId === 'string' && Number.isSafeInteger(pages);
}
