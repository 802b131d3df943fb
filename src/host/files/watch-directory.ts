import { watch } from 'node:fs';

/** The changes in a directory since the last call. */
export interface DirectoryWatch {
  /**
   * The names of the files that were created, changed or removed since the last call: at once if there are any, else as soon
   * as there is one; none after `ms` or if `signal` aborts.
   */
  readonly changes: (ms: number, signal: AbortSignal) => Promise<ReadonlySet<string>>;
  /** Those that the next call of `changes` will name, as far as the kernel has reported them. */
  readonly coming: () => Iterable<string>;
  /** Whether the kernel reports changes: otherwise there may be some that `changes` does not name. */
  readonly isWatched: () => boolean;
  readonly close: () => void;
}

/** How soon a directory that cannot be watched must be looked at again. */
const unwatchedMs = 50;

/**
 * Watches a directory with inotify. If the kernel allows no watch (there are too many, or the file system has none), waiting
 * ends sooner and without names: every caller also looks at the files from time to time.
 */
export function watchDirectory(
  path: string,
  isRelevant: (file: string) => boolean = () => true,
): DirectoryWatch {
  let changed = new Set<string>();
  let wake: (() => void) | undefined;
  let isWatched = true;
  const noticed = (_: string, name: string | null): void => {
    if (name !== null && !isRelevant(name)) return;
    if (name !== null) changed.add(name);
    wake?.();
  };
  const failed = (): void => {
    isWatched = false;
  };
  const watcher = openWatcher(path, noticed, failed);
  if (watcher === undefined) failed();

  const nextChange = (ms: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, isWatched ? ms : Math.min(ms, unwatchedMs));
      signal.addEventListener('abort', done);
      wake = done;
    });

  return {
    changes: async (ms, signal) => {
      if (changed.size === 0 && !signal.aborted && ms > 0) await nextChange(ms, signal);
      // The kernel reports many at once, Node one after the other: collect them all.
      await new Promise(setImmediate);
      const names = changed;
      changed = new Set();
      return names;
    },
    coming: () => changed,
    isWatched: () => isWatched,
    close: () => watcher?.close(),
  };
}

function openWatcher(
  path: string,
  noticed: (event: string, name: string | null) => void,
  failed: () => void,
): { close: () => void } | undefined {
  try {
    return watch(path, { persistent: false }, noticed).on('error', failed);
  } catch {
    return undefined;
  }
}
