import type { Config } from '../../core/model/config.ts';
import type { Observation } from '../../core/model/observation.ts';
import { monotonicMs } from '../../host/process/clock.ts';
import { instanceOfExit } from '../../host/state/paths.ts';
import { fallbackMs } from './intervals.ts';
import type { Known, Seen } from './look.ts';
import type { Rung } from './wake.ts';

/**
 * What a watch knows from look to look. A death, and what a pass has done, concern few instances: the next look need not go
 * through a thousand. Anything else, a new config, and the time since the last look at all of them make it look at all.
 */
export interface Knowledge {
  /** What the look that begins may rely on, once; undefined: it looks at all instances. */
  readonly take: (config: Config) => Known | undefined;
  /** Keeps what that look has seen. @returns when the next one is due at the latest */
  readonly keep: (config: Config, seen: Seen) => number;
  /** Notes why the rest after it has ended. */
  readonly woken: (rung: Rung | undefined) => void;
}

export function createKnowledge(): Knowledge {
  let last: { readonly config: Config; readonly observation: Observation } | undefined;
  let touched: readonly string[] | undefined;
  let changed: ReadonlySet<string> | undefined;
  let wholeAt = 0;
  return {
    take: (config) => {
      const known = last;
      last = undefined; // if the look fails, the next one looks at all
      const isRecent = known?.config === config && monotonicMs() < wholeAt + fallbackMs;
      if (isRecent && changed !== undefined) {
        const { observation } = known;
        if ([...changed].every((name) => observation.instances.has(name)))
          return { observation, changed };
      }
      wholeAt = monotonicMs();
      return undefined;
    },
    keep: (config, seen) => {
      const { observation, waitMs, isLocked } = seen;
      if (isLocked !== true) last = { config, observation };
      ({ touched } = seen);
      return Math.min(monotonicMs() + waitMs, wholeAt + fallbackMs);
    },
    woken: (rung) => {
      const files = rung ?? (touched === undefined ? 'other' : []);
      changed = files === 'other' ? undefined : instancesIn(files, touched);
    },
  };
}

function instancesIn(
  files: Iterable<string>,
  touched: readonly string[] = [],
): ReadonlySet<string> | undefined {
  const instances = new Set(touched);
  for (const file of files) {
    const instance = instanceOfExit(file);
    if (instance === undefined) return undefined;
    instances.add(instance);
  }
  return instances;
}
