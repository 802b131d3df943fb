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
  /** When all are looked at again at the latest: what is due then must not be put off by deaths in between. */
  let wholeDue = 0;
  return {
    take: (config) => {
      const known = last;
      last = undefined; // if the look fails, the next one looks at all
      if (known?.config === config && changed !== undefined && monotonicMs() < wholeDue) {
        const { observation } = known;
        if ([...changed].every((name) => observation.instances.has(name)))
          return { observation, changed };
      }
      wholeDue = monotonicMs() + fallbackMs;
      return undefined;
    },
    keep: (config, seen) => {
      const { observation, waitMs, isLocked } = seen;
      if (isLocked !== true) last = { config, observation };
      ({ touched } = seen);
      const due = Math.min(monotonicMs() + waitMs, wholeDue);
      // What comes of a pass is seen by the look after it, which is for that alone.
      if (touched === undefined) wholeDue = due;
      return due;
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
