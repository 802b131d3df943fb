import type { GlobalOptions } from '../../cli/command.ts';
import { colours } from '../../cli/colours.ts';
import { print, printPainted, terminalSize } from '../../cli/print.ts';
import { exitCodes } from '../../core/basics/exit-codes.ts';
import type { FleetHost } from '../../core/model/fleet.ts';
import { fleetCode } from '../../core/rules/host-outcome.ts';
import { hostStatusOf, type HostStatus } from '../../core/views/fleet-status.ts';
import { askHost, type Transport } from '../../engine/fleet/ask-host.ts';
import { inTurn } from '../../engine/fleet/in-turn.ts';
import { formatFleetStatus } from '../../output/fleet.ts';
import { fleetLine, hostLine } from '../../output/json/fleet.ts';
import type { OpenFleet } from './open.ts';

/** `workerctl fleet status`. */
export async function fleetStatus(
  open: OpenFleet,
  words: readonly string[],
  { json }: GlobalOptions,
): Promise<number> {
  const found = await statusOfHosts(open, open.hosts, words, ({ host, object }) => {
    if (json && object !== undefined) print(hostLine(host, object));
  });
  if (open.signal.aborted) return open.interrupt.exitCode();
  const exitCode = exitCodes[fleetCode(found)].code;
  if (json) print(fleetLine({ command: 'fleet status', exitCode, hosts: found }));
  else printPainted(formatFleetStatus(found, await colours(), terminalSize()?.columns));
  return exitCode;
}

/** What each host answers to `status`, in their order; `words` are those of the command, `tell` gets each as it comes. */
export async function statusOfHosts(
  transport: Transport,
  hosts: readonly FleetHost[],
  [verb = 'status', ...rest]: readonly string[] = ['status'],
  tell: (status: HostStatus) => void = () => undefined,
): Promise<readonly HostStatus[]> {
  const found = new Map<string, HostStatus>();
  const words = [verb, '--json', ...rest];
  await inTurn(hosts, transport.fleet.connections, async (host) => {
    if (transport.signal.aborted) return;
    const answer = await askHost(transport, host, { words, isLong: false });
    const status = hostStatusOf(host.name, answer);
    found.set(host.name, status);
    tell(status);
  });
  return hosts.flatMap(({ name }) => found.get(name) ?? []);
}
