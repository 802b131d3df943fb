import type { GlobalOptions } from '../../cli/command.ts';
import { print, printError } from '../../cli/print.ts';
import { exitCodes } from '../../core/basics/exit-codes.ts';
import type { FleetHost } from '../../core/model/fleet.ts';
import { fleetCode, type HostOutcome } from '../../core/rules/host-outcome.ts';
import type { ProgressView } from '../../core/views/phase.ts';
import { formatFleetSummary } from '../../output/fleet.ts';
import { fleetLine } from '../../output/json/fleet.ts';
import { actOnHosts, lineWith, operationId, sayHowToContinue } from './act.ts';
import type { OpenFleet } from './open.ts';

export interface Everywhere {
  readonly words: readonly string[];
  /** Whether it is an operation with an id; the others change the same when they are done twice. */
  readonly hasId: boolean;
  readonly op?: string | undefined;
  /** It does not last long enough to be cut off: how to continue it is not said. */
  readonly isBrief?: true;
  readonly hosts?: readonly FleetHost[];
  /** Further hosts, asked for once the command has ended on the others. */
  readonly more?: () => Promise<readonly FleetHost[]>;
}

/** A command that acts on all hosts at once: `stop`, `start`, `bootcheck`, `hold`, `unhold`, `rollout pause`. */
export async function actEverywhere(
  open: OpenFleet,
  { words, hasId, op: given, isBrief, hosts = open.hosts, more }: Everywhere,
  global: GlobalOptions,
): Promise<number> {
  const [verb = ''] = words;
  const op = hasId ? operationId(given, words) : undefined;
  if (op !== undefined && isBrief !== true) sayHowToContinue(op);
  const shownAs = shown.find((one) => one === verb);
  const actOn = async (some: readonly FleetHost[]): Promise<readonly HostOutcome[]> => {
    const names = some.map(({ name }) => name);
    const plan = { hosts: names, batch: open.fleet.connections, maxFailed: Infinity };
    const act = { words, plan, ...(op !== undefined && { op }), ...(shownAs && { shownAs }) };
    return (await actOnHosts(open, some, act, global)).outcomes;
  };
  const first = await actOn(hosts);
  const others = open.signal.aborted ? [] : await more?.();
  const outcomes = others?.length ? [...first, ...(await actOn(others))] : first;
  const exitCode = open.signal.aborted
    ? open.interrupt.exitCode()
    : exitCodes[fleetCode(outcomes)].code;
  const command = `fleet ${verb}`;
  if (global.json)
    print(fleetLine({ command, exitCode, ...(op !== undefined && { op }), hosts: outcomes }));
  else print(formatFleetSummary(outcomes));
  if (exitCode !== exitCodes.done.code && op !== undefined && isBrief !== true)
    printError(
      `workerctl: to continue, or to see how it ended: ${lineWith(op, process.argv.slice(2))}\n`,
    );
  return exitCode;
}

const shown: readonly ProgressView['command'][] = ['start', 'stop'];
