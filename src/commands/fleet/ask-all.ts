import type { HostAnswer } from '../../core/protocols/host-answer.ts';
import { askHost } from '../../engine/fleet/ask-host.ts';
import { inTurn } from '../../engine/fleet/in-turn.ts';
import type { OpenFleet } from './open.ts';

/** What each host answers to a command that only looks, in their order; fewer after an interruption. */
export async function askAll(
  open: OpenFleet,
  words: readonly string[],
): Promise<ReadonlyMap<string, HostAnswer>> {
  const found = new Map<string, HostAnswer>();
  await inTurn(open.hosts, open.fleet.connections, async (host) => {
    if (open.signal.aborted) return;
    found.set(host.name, await askHost(open, host, { words, isLong: false }));
  });
  return new Map(
    open.hosts.flatMap(({ name }): [string, HostAnswer][] => {
      const answer = found.get(name);
      return answer === undefined ? [] : [[name, answer]];
    }),
  );
}
