import type { FleetHost } from '../../core/model/fleet.ts';
import {
  nextHosts,
  type FleetPlan,
  type FleetStop,
  type HostTurn,
} from '../../core/rules/fleet-turns.ts';
import type { HostOutcome } from '../../core/rules/host-outcome.ts';

/** How a command went through the hosts. */
export interface GoneThrough {
  /** Of all hosts, in their order. */
  readonly outcomes: readonly HostOutcome[];
  /** Why some were left out. */
  readonly stop?: FleetStop;
}

/**
 * Does a command on hosts as their turn comes, and waits until it has ended on all that were begun. After an interruption
 * no other is begun.
 */
export async function goThrough(
  hosts: readonly FleetHost[],
  plan: FleetPlan,
  act: (host: FleetHost) => Promise<HostOutcome>,
  signal: AbortSignal,
): Promise<GoneThrough> {
  const byName = new Map(hosts.map((host) => [host.name, host]));
  const turns = new Map<string, HostTurn>();
  const ended = new Map<string, HostOutcome>();
  const running = new Map<string, Promise<void>>();
  const begin = async (host: FleetHost): Promise<void> => {
    const outcome = await act(host);
    ended.set(host.name, outcome);
    turns.set(host.name, outcome.state === 'done' ? 'done' : 'failed');
    running.delete(host.name);
  };
  for (;;) {
    const turn = nextHosts(plan, turns);
    if (turn.kind === 'begin' && !signal.aborted)
      for (const name of turn.hosts) {
        const host = byName.get(name);
        if (host === undefined) throw new Error(`no host ${name}`);
        turns.set(name, 'running');
        running.set(name, begin(host));
      }
    if (running.size === 0) {
      const outcomes = hosts.map(
        ({ name }): HostOutcome => ended.get(name) ?? { host: name, state: 'untouched' },
      );
      return { outcomes, ...(turn.kind === 'over' && turn.stop && { stop: turn.stop }) };
    }
    await Promise.race(running.values());
  }
}
