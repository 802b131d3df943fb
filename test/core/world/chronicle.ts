import type { RolloutOptions } from '../../../src/core/model/desired.ts';
import type { Being } from './being.ts';
import type { World } from './world.ts';

/** What every history must keep to. */
export type Rule =
  | 'only observed living processes are signalled'
  | 'no process is asked twice'
  | 'a command makes it quiet first, and has ended'
  | 'the batch is kept'
  | 'canaries go first'
  | 'no process is asked after a failure'
  | 'no abort without a failure'
  | 'no process is killed before its time'
  | 'whoever has a limit is killed in time'
  | 'no more than max_extra leave beside their replacements'
  | 'a place is filled once, and only if it is wanted'
  | 'what is held is left alone';

/** A restart as it was requested, and what came of it. */
export interface Requested {
  readonly id: string;
  readonly at: number;
  readonly options: RolloutOptions;
  /** What each of its instances ran; undefined: nothing. */
  readonly members: Map<string, number | undefined>;
  /** Processes that were draining when it began. */
  readonly askedBefore: ReadonlySet<number>;
  /** Members that were stopped and then started by name. */
  readonly startedByName: Set<string>;
  readonly provenWorkers: Set<string>;
  /** Members that were stopped or held at any time. */
  readonly everReleased: Set<string>;
  /** A look has shown that a replacement failed, beyond doubt. */
  hasFailed: boolean;
  /** A look may have shown that, as a jump of the clock or an unreported death can make it seem so. */
  mayHaveFailed: boolean;
}

/** A world, and what really happened in it. */
export interface Chronicle {
  readonly world: World;
  readonly restarts: Requested[];
  readonly stopped: Set<string>;
  readonly held: Set<string>;
  readonly terms: Map<number, number>;
  /** When each process may be killed, since the boot: one moment for each limit that was set. */
  readonly limits: Map<number, number[]>;
  readonly breaches: { readonly rule: Rule; readonly what: string }[];
}

export const newChronicle = (world: World): Chronicle => ({
  world,
  restarts: [],
  stopped: new Set(),
  held: new Set(),
  terms: new Map(),
  limits: new Map(),
  breaches: [],
});

export function breach(chronicle: Chronicle, rule: Rule, what: string): void {
  chronicle.breaches.push({ rule, what });
}

/** From now on a process may be killed after so long. */
export function addLimit({ limits, world }: Chronicle, { pid }: Being, length: number): void {
  limits.set(pid, [...(limits.get(pid) ?? []), world.sinceBoot + length]);
}
