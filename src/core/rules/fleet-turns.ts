/** How far a restart is with a host. */
export type HostTurn = 'waiting' | 'running' | 'done' | 'failed';

/** How a restart goes through hosts. */
export interface FleetPlan {
  /** In their order. */
  readonly hosts: readonly string[];
  /** It must be done before any other host is begun; undefined: none goes first. */
  readonly canary?: string;
  /** How many hosts may be running at the same time; at least 1. */
  readonly batch: number;
  /** How many hosts may fail before no other is begun. */
  readonly maxFailed: number;
}

/** What keeps the hosts that still wait from being begun. */
export type FleetStop = 'canary' | 'max_failed';

/** What is to do next. */
export type FleetTurn =
  | { readonly kind: 'begin'; readonly hosts: readonly string[] }
  /** Until one of the running hosts is done or has failed. */
  | { readonly kind: 'wait'; readonly stop?: FleetStop }
  | { readonly kind: 'over'; readonly stop?: FleetStop };

/** Whose turn it is. A host that is not among the states waits. */
export function nextHosts(plan: FleetPlan, states: ReadonlyMap<string, HostTurn>): FleetTurn {
  const { hosts, canary, batch } = plan;
  const inState = (state: HostTurn): readonly string[] =>
    hosts.filter((host) => (states.get(host) ?? 'waiting') === state);
  const waiting = inState('waiting');
  const running = inState('running').length;
  const stop = waiting.length === 0 ? undefined : stopOf(plan, states, inState('failed').length);
  const free = batch - running;
  const isProven = canary === undefined || states.get(canary) === 'done';
  const next = isProven ? waiting.slice(0, Math.max(0, free)) : waiting.filter(is(canary));
  if (stop === undefined && next.length > 0) return { kind: 'begin', hosts: next };
  return { kind: running > 0 ? 'wait' : 'over', ...(stop && { stop }) };
}

const is =
  (one: string) =>
  (other: string): boolean =>
    one === other;

function stopOf(
  { canary, maxFailed }: FleetPlan,
  states: ReadonlyMap<string, HostTurn>,
  failed: number,
): FleetStop | undefined {
  if (canary !== undefined && states.get(canary) === 'failed') return 'canary';
  return failed > maxFailed ? 'max_failed' : undefined;
}
