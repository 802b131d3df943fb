import type { Config } from '../../core/model/config.ts';
import type { DayCounts } from '../../core/model/history.ts';
import type { Observation } from '../../core/model/observation.ts';
import { withDayCounts } from '../../core/rules/day-counts.ts';
import { snapshotOf } from '../../core/rules/snapshot.ts';
import { statusOf } from '../../core/views/status.ts';
import { monotonicMs } from '../../host/process/clock.ts';
import { readDay, writeDay } from '../../host/state/day-file.ts';
import { seenDesired } from '../../host/state/desired-file.ts';

/** Notes how many instances are wanted and ready, for the charts of the page. */
export interface DayCounter {
  /** Notes what a look has seen. Writes nothing but every five minutes. */
  readonly see: (observation: Observation) => void;
  /** Those of the last day. */
  readonly counts: () => readonly DayCounts[];
  readonly save: () => void;
}

/** A watch may look 25 times a second. */
const oftenMs = 1_000;

export function createDayCounter(config: () => Config): DayCounter {
  const { stateDir } = config();
  let counts = readDay(stateDir);
  let seenAt = -Infinity;
  return {
    see: (observation) => {
      if (monotonicMs() - seenAt < oftenMs) return;
      seenAt = monotonicMs();
      const { desired } = seenDesired(stateDir);
      const found = statusOf(snapshotOf(config(), { desired }, observation));
      const before = counts;
      counts = withDayCounts(before, observation.now, {
        wanted: found.wanted,
        ready: found.ready + found.quiet + found.done,
      });
      if (before.length > 0 && counts.at(-1)?.at !== before.at(-1)?.at) writeDay(stateDir, before);
    },
    counts: () => counts,
    save: () => {
      if (counts.length > 0) writeDay(stateDir, counts);
    },
  };
}
