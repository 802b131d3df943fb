import { instanceNames } from '../../../src/core/model/instance.ts';
import { noDesired, type Desired } from '../../../src/core/model/desired.ts';
import { noLedger, type Ledger } from '../../../src/core/model/ledger.ts';
import type { Death } from '../../../src/core/model/record.ts';
import type { Config } from '../../../src/core/model/config.ts';
import { noon } from '../builders.ts';
import { diesAt, idleAt, isAlive, leavesAt, showsReadyAt, type Being, type Fate } from './being.ts';

/** A host in miniature, with two clocks. */
export interface World {
  readonly config: Config;
  readonly fates: readonly Fate[];
  /** By instance its last process; by its run each old one that drains beside its replacement. */
  readonly places: Map<string, Being>;
  readonly pidfiles: Map<string, number>;
  readonly everyone: Being[];
  desired: Desired;
  ledger: Ledger;
  sinceBoot: number;
  wallClock: number;
  jumps: number;
  /** From now on all new code is good. */
  isPeaceful: boolean;
}

export const newWorld = (config: Config, fates: readonly Fate[]): World => ({
  config,
  fates,
  places: new Map(),
  pidfiles: new Map(),
  everyone: [],
  desired: noDesired,
  ledger: noLedger,
  sinceBoot: 1_000_000,
  wallClock: noon,
  jumps: 0,
  isPeaceful: false,
});

export const wantedNames = ({ config }: World): string[] => config.workers.flatMap(instanceNames);

/** Lets time go by: processes leave and die, each at its moment. */
export function wait(world: World, length: number): void {
  const until = world.sinceBoot + length;
  for (const being of [...world.places.values()].filter(isAlive)) {
    const at = diesAt(being);
    if (at > until) continue;
    const hasLeft = at === leavesAt(being);
    die(world, being, { kind: 'exited', status: hasLeft ? 0 : 1 }, Math.max(at, world.sinceBoot));
  }
  world.wallClock += length;
  world.sinceBoot = until;
}

export function die(world: World, being: Being, death: Death, at = world.sinceBoot): void {
  const diedAt = world.wallClock + at - world.sinceBoot;
  const { isReported } = being.fate;
  const why = 'no report of how it exited';
  being.end = isReported
    ? { at, death, diedAt, jumps: world.jumps }
    : { at, death: { kind: 'unknown', problem: why }, jumps: world.jumps };
  if (isReported && world.pidfiles.get(being.instance) === being.pid)
    world.pidfiles.delete(being.instance);
}

/** The wall clock is set. */
export function jump(world: World, by: number): void {
  world.wallClock += by;
  world.jumps += 1;
}

/** How long until something happens in the world by itself; undefined: nothing will. */
export function nextEventIn(world: World): number | undefined {
  const moments = [...world.places.values()].filter(isAlive).flatMap((being) => {
    const { ready } = being.worker;
    const commandEndsAt = being.quiet?.endsAt ?? Infinity;
    const isReadyAt = ready.kind === 'log' ? showsReadyAt(being) : Infinity;
    return [diesAt(being), idleAt(being), commandEndsAt, isReadyAt];
  });
  const soonest = Math.min(
    Infinity,
    ...moments.filter((at) => at > world.sinceBoot).map((at) => at - world.sinceBoot),
    ...[...world.places.values()]
      .filter((being) => isAlive(being) && diesAt(being) <= world.sinceBoot)
      .map(() => 0),
  );
  return soonest === Infinity ? undefined : soonest;
}
