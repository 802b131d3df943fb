import type { GlobalOptions } from '../../cli/command.ts';
import { colours } from '../../cli/colours.ts';
import { print, printError, printPainted, terminalSize } from '../../cli/print.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import { exitCodes } from '../../core/basics/exit-codes.ts';
import type { Batch } from '../../core/model/config.ts';
import { fleetCode } from '../../core/rules/host-outcome.ts';
import { batchSize } from '../../core/rules/turns.ts';
import type { HostStatus } from '../../core/views/fleet-status.ts';
import { formatFleetRestart } from '../../output/fleet.ts';
import { fleetLine } from '../../output/json/fleet.ts';
import { actOnHosts, lineWith, operationId, sayHowToContinue } from './act.ts';
import type { OpenFleet } from './open.ts';
import { statusOfHosts } from './status.ts';

export interface FleetRestartOptions {
  readonly op: string | undefined;
  /** In place of what fleet.yaml says. */
  readonly batch: Batch | undefined;
  readonly canary: string | undefined;
  readonly maxFailed: number | undefined;
}

/**
 * `workerctl fleet restart`: the canary, then as many hosts at a time as a batch has, until too many have failed. At the end
 * all hosts are asked which releases they run.
 */
export async function fleetRestart(
  open: OpenFleet,
  words: readonly string[],
  options: FleetRestartOptions,
  global: GlobalOptions,
): Promise<number> {
  const { hosts, fleet, signal } = open;
  const names = hosts.map(({ name }) => name);
  const canary = canaryOf(open, options.canary);
  const op = operationId(options.op, words);
  sayHowToContinue(op);
  const plan = {
    hosts: names,
    ...(canary !== undefined && { canary }),
    batch: Math.min(fleet.connections, batchSize(options.batch ?? fleet.batch, hosts.length)),
    maxFailed: options.maxFailed ?? fleet.maxFailed,
  };
  const gone = await actOnHosts(open, hosts, { words, op, plan, shownAs: 'restart' }, global);
  const { outcomes } = gone;
  const silent = new Set(
    outcomes.filter(({ state }) => state === 'unknown').map(({ host }) => host),
  );
  const seen = new Map<string, HostStatus>();
  const asked = hosts.filter(({ name }) => !silent.has(name));
  for (const one of await statusOfHosts(open, asked)) seen.set(one.host, one);
  const reported = outcomes.map((outcome) => {
    const { releases, ready, wanted } = seen.get(outcome.host) ?? {};
    return {
      ...outcome,
      ...(releases && wanted !== undefined && { releases }),
      ...(wanted !== undefined && { ready, wanted }),
    };
  });
  const exitCode = signal.aborted ? open.interrupt.exitCode() : exitCodes[fleetCode(outcomes)].code;
  if (global.json) print(fleetLine({ command: 'fleet restart', exitCode, op, hosts: reported }));
  else
    printPainted(
      formatFleetRestart(
        reported,
        signal.aborted ? 'interrupted' : gone.stop,
        await colours(),
        terminalSize()?.columns,
      ),
    );
  if (exitCode !== exitCodes.done.code)
    printError(
      `workerctl: to continue, or to see how it ended: ${lineWith(op, process.argv.slice(2))}\n`,
    );
  return exitCode;
}

/** The canary among the hosts that are meant; of fleet.yaml's canary only if that is one of them, else the first. */
function canaryOf({ fleet, hosts }: OpenFleet, given: string | undefined): string | undefined {
  if (given === 'none') return undefined;
  const isMeant = (name: string | undefined): boolean => hosts.some((host) => host.name === name);
  if (given !== undefined && !isMeant(given))
    throw new WorkerctlError(
      'usage',
      `--canary: expected one of the hosts or none, found ${JSON.stringify(given)}`,
      {
        hint: `the hosts are in ${fleet.path}`,
      },
    );
  const canary = given ?? fleet.canary;
  return canary === undefined || isMeant(canary) ? canary : hosts[0]?.name;
}
