import { dirname } from 'node:path';
import { lookup, mapOf } from '../../core/basics/lookup.ts';
import { logPlacesOf, type ProcessRecord } from '../../core/model/record.ts';
import { canBeKept, directoryStamp, type DirectoryStamp } from '../files/directory-stamp.ts';
import { hasLogsOpen } from '../logs/lost-log.ts';

/** Which living processes had their logs where they were opened. */
export interface KeptLogs {
  /** By directory of logs, its stamp at that time. */
  readonly stamps: Readonly<Record<string, string>>;
  /** The instances of which that is not known. */
  readonly others: readonly string[];
}

export interface LogLook {
  /** Whether a living process has its logs where they were opened. */
  readonly areOpen: (name: string, record: ProcessRecord, isKept: boolean) => boolean;
  /** What to keep of these instances; undefined: nothing new is known. */
  readonly news: (names: readonly string[]) => KeptLogs | undefined;
}

/**
 * Asks the kernel where processes have their logs; not again as long as no file in the directories of these logs has come, gone or
 * been renamed. (A process that has directed its output elsewhere since has lost nothing.)
 */
export function lookAtLogs(before: KeptLogs | undefined): LogLook {
  const others = new Set(before?.others);
  const stamps = new Map<string, DirectoryStamp | undefined>();
  const open = new Map<string, readonly string[]>();
  const fresh: string[] = [];

  function isSame(directory: string): boolean {
    if (!stamps.has(directory)) stamps.set(directory, directoryStamp(directory));
    const found = stamps.get(directory);
    return found !== undefined && found.stamp === lookup(before?.stamps ?? {}, directory);
  }
  return {
    areOpen: (name, record, isKept) => {
      const directories = [...new Set(logPlacesOf(record).map(({ path }) => dirname(path)))];
      const changed = directories.filter((directory) => !isSame(directory)); // asked before its logs
      const isKnown = changed.length === 0 && isKept && !others.has(name);
      const areOpen = isKnown || hasLogsOpen(record);
      if (areOpen) open.set(name, directories);
      if (areOpen && !isKnown) fresh.push(name);
      return areOpen;
    },
    news: (names) => {
      if (fresh.length === 0) return undefined;
      const calm = [...stamps].flatMap(([directory, found]): [string, string][] =>
        found !== undefined && canBeKept(directory, found) ? [[directory, found.stamp]] : [],
      );
      const known = mapOf(calm);
      const isKnown = (name: string): boolean =>
        open.get(name)?.every((directory) => lookup(known, directory) !== undefined) === true;
      return fresh.some(isKnown)
        ? { stamps: known, others: names.filter((name) => !isKnown(name)) }
        : undefined;
    },
  };
}
