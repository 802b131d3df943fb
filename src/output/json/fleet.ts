import type { JsonObject } from '../../core/protocols/json-reader.ts';
import { hostStates, type HostOutcome } from '../../core/rules/host-outcome.ts';
import { answer, printedLine } from './answer.ts';
import { integer, list, mapOf, oneOf, optional, orNull, shape, text } from './shape.ts';

/** A line of a host as `fleet --json` prints it: what the host has printed, and its name in front. */
export const hostLine = (host: string, object: JsonObject): string =>
  `${JSON.stringify({ host, ...object })}\n`;

/** How a command has ended on one host. */
export interface ReportedHost extends HostOutcome {
  /** By release, how many processes run it; undefined: not looked at. */
  readonly releases?: Readonly<Record<string, number>>;
}

export interface FleetResult {
  readonly command: string;
  readonly exitCode: number;
  /** The id of the operation. */
  readonly op?: string;
  readonly hosts: readonly ReportedHost[];
}

const host = shape<ReportedHost>('A host.', {
  host: text('Its name.', 'host'),
  state: oneOf(...hostStates)(
    'How the command has ended there. short: fewer instances are ready than wanted; unknown: it has not answered; untouched: it was not begun.',
    'state',
  ),
  exit_code: orNull(integer('The exit code of the command there.', 'exitCode')),
  problem: orNull(text('What went wrong. For people.', 'problem')),
  releases: optional(
    mapOf({ type: 'integer' })('By release, how many processes run it.', 'releases'),
  ),
});

/** The last line of every `fleet` command. */
export const fleetAnswer = answer<FleetResult>('How a command has ended on the hosts of a fleet.', {
  kind: oneOf('fleet_result')('Distinguishes this line from the others.', () => 'fleet_result'),
  command: text('The command: fleet restart.', 'command'),
  op: optional(text('The id of the operation, with which it can be continued.', 'op')),
  exit_code: integer('Its exit code.', 'exitCode'),
  hosts: list(host)('All hosts that were meant, in the order of fleet.yaml.', 'hosts'),
});

export const fleetLine = (result: FleetResult): string => printedLine(fleetAnswer, result);
