/** A count of what really runs, taken repeatedly from /proc. */
import { allPids, isStillThere, markedInstance, processAt, type Seen } from '../rig/kernel.ts';
import { pause } from '../rig/wait.ts';

export interface Census {
  /** What runs now, by instance. */
  readonly sample: () => Map<string, Seen[]>;
  /** Each observation of two living processes of one identifier, in words. */
  readonly doubles: readonly string[];
  /** The largest number that lived at one time for one identifier. */
  readonly most: () => number;
  readonly samples: () => number;
  readonly stop: () => void;
}

/**
 * The pause between two looks: short compared with the life of any process, and long enough for the commands to make
 * progress.
 */
const gapMs = 3;

/** Counts the marked processes of a state directory until it is stopped. */
export function watchProcesses(stateDir: string): Census {
  /** Processes that were there before us are not workers, for as long as they live. */
  let strangers = new Set(allPids());
  const doubles: string[] = [];
  let most = 0;
  let samples = 0;

  const sample = (): Map<string, Seen[]> => {
    const pids = allPids();
    strangers = new Set(pids.filter((pid) => strangers.has(pid)));
    const found = new Map<string, Seen[]>();
    for (const pid of pids) {
      if (strangers.has(pid)) continue;
      const instance = markedInstance(pid, stateDir);
      const seen = instance === undefined ? undefined : processAt(pid);
      if (instance === undefined || seen === undefined) continue;
      // Those seen before may have died meanwhile: only those that still live now have lived beside this one.
      const beside = (found.get(instance) ?? []).filter(isStillThere);
      found.set(instance, [...beside, seen]);
      most = Math.max(most, beside.length + 1);
      if (beside.length > 0)
        doubles.push(`${instance}: pid ${pid} beside ${beside.map((one) => one.pid).join(', ')}`);
    }
    samples += 1;
    return found;
  };

  let isStopped = false;
  const keepLooking = async (): Promise<void> => {
    while (!isStopped) {
      sample();
      await pause(gapMs);
    }
  };
  void keepLooking();
  return {
    sample,
    doubles,
    most: () => most,
    samples: () => samples,
    stop: () => {
      isStopped = true;
    },
  };
}
