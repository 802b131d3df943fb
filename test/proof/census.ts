import { allPids, isAlive, look, markedInstance, pause } from '../rig/kernel.ts';

/** A living main process of an instance. */
interface Counted {
  readonly pid: number;
  readonly startTime: number;
}

/** A count of what really runs, taken over and over from /proc. */
export interface Census {
  /** What runs now, by instance. */
  readonly sample: () => Map<string, Counted[]>;
  /** Each sight of two living processes of one identifier, in words. */
  readonly doubles: readonly string[];
  /** The most that ever lived at one time for one identifier. */
  readonly most: () => number;
  readonly samples: () => number;
  readonly stop: () => void;
}

/** The pause between two looks: short beside the life of any process, and enough for the commands to get on. */
const gapMs = 3;

/** Counts the marked processes of a state directory until it is stopped. */
export function watchProcesses(stateDir: string): Census {
  /** Whoever was here before us is none of them for as long as it stays. */
  let strangers = new Set(allPids());
  const doubles: string[] = [];
  let most = 0;
  let samples = 0;

  const sample = (): Map<string, Counted[]> => {
    const pids = allPids();
    strangers = new Set(pids.filter((pid) => strangers.has(pid)));
    const found = new Map<string, Counted[]>();
    for (const pid of pids) {
      if (strangers.has(pid)) continue;
      const instance = markedInstance(pid, stateDir);
      const seen = instance === undefined ? undefined : living(pid);
      if (instance === undefined || seen === undefined) continue;
      // Those seen before may have died meanwhile: only who still lives now has lived beside this one.
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

function living(pid: number): Counted | undefined {
  const seen = look(pid);
  if (seen === undefined || !isAlive(pid)) return undefined;
  return { pid, startTime: seen.startTime };
}

const isStillThere = ({ pid, startTime }: Counted): boolean => living(pid)?.startTime === startTime;
