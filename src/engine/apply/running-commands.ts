import type { ChildProcess } from 'node:child_process';

/** The commands that make processes quiet or resume them, as far as this process has started them. */
export interface QuietCommands {
  /** Whether any was started. */
  readonly wereAny: () => boolean;
  readonly note: (child: ChildProcess, ended: Promise<void>) => void;
  /** Resolves when none runs any more, or the signal aborts. Without this call they do not keep us alive. */
  readonly settled: (signal: AbortSignal) => Promise<void>;
}

export function createQuietCommands(): QuietCommands {
  const all = new Map<Promise<void>, ChildProcess>();
  let wereAny = false;
  return {
    wereAny: () => wereAny,
    note: (child, ended) => {
      wereAny = true;
      all.set(ended, child);
      void ended.then(() => all.delete(ended));
    },
    settled: async (signal) => {
      if (all.size === 0 || signal.aborted) return;
      const children = [...all.values()];
      for (const child of children) child.ref();
      await new Promise<void>((resolve) => {
        const done = (): void => {
          signal.removeEventListener('abort', done);
          resolve();
        };
        signal.addEventListener('abort', done);
        void Promise.all(all.keys()).then(done);
      });
      for (const child of children) child.unref();
    },
  };
}
