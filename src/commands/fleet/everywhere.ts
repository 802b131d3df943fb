import type { GlobalOptions } from '../../cli/command.ts';
import { print, printError } from '../../cli/print.ts';
import { exitCodes } from '../../core/basics/exit-codes.ts';
import type { FleetHost } from '../../core/model/fleet.ts';
import { fleetCode } from '../../core/rules/host-outcome.ts';
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
}

/** A command that acts on all hosts at once: `stop`, `start`, `bootcheck`, `hold`, `unhold`, `rollout pause`. */
export async function actEverywhere(
  open: OpenFleet,
  { words, hasId, op: given, isBrief, hosts = open.hosts }: Everywhere,
  global: GlobalOptions,
): Promise<number> {
  const [verb = ''] = words;
  const op = hasId ? operationId(given, words) : undefined;
  if (op !== undefined && isBrief !== true) sayHowToContinue(op);
  const plan = {
    hosts: hosts.map(({ name }) => name),
    batch: open.fleet.connections,
    maxFailed: Infinity,
  };
  const shownAs = shown.find((one) => one === verb);
  const act = { words, plan, ...(op !== undefined && { op }), ...(shownAs && { shownAs }) };
  const { outcomes } = await actOnHosts(open, hosts, act, global);
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
