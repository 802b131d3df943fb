import type { GlobalOptions } from '../../cli/command.ts';
import { printError } from '../../cli/print.ts';
import { shellWord } from '../../core/basics/shell-word.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import type { FleetHost } from '../../core/model/fleet.ts';
import { idWords, isOperationId } from '../../core/model/operation.ts';
import type { FleetPlan } from '../../core/rules/fleet-turns.ts';
import { outcomeOf } from '../../core/rules/host-outcome.ts';
import type { ProgressView } from '../../core/views/phase.ts';
import { askHost } from '../../engine/fleet/ask-host.ts';
import { goThrough, type GoneThrough } from '../../engine/fleet/go-through.ts';
import { digest, randomHex } from '../../host/files/crypto.ts';
import type { OpenFleet } from './open.ts';
import { openFleetScreen } from './screen.ts';

/** A command that acts on hosts. */
export interface FleetAct {
  /** `restart`, with its options and targets, as a host gets it. */
  readonly words: readonly string[];
  /** The id of the operation, if it is one. */
  readonly op?: string;
  readonly plan: FleetPlan;
  /** What a live view calls it; undefined: it does not last long enough for one. */
  readonly shownAs?: ProgressView['command'];
}

/** Runs a command on the hosts in their turns, and shows what they report. */
export async function actOnHosts(
  open: OpenFleet,
  hosts: readonly FleetHost[],
  { words, op, plan, shownAs }: FleetAct,
  global: GlobalOptions,
): Promise<GoneThrough> {
  const names = hosts.map(({ name }) => name);
  const screen = await openFleetScreen(shownAs, names, global);
  process.once('exit', screen.end);
  const question = {
    words: [
      ...words.slice(0, 1),
      ...(op === undefined ? [] : ['--op', op]),
      '--json',
      ...words.slice(1),
    ],
    isLong: true,
  };
  try {
    return await goThrough(
      hosts,
      plan,
      async (host) => {
        screen.begun(host.name);
        const hear = (object: Readonly<Record<string, unknown>>): void => {
          screen.heard(host.name, object);
        };
        const answer = await askHost(open, host, { ...question, hear });
        return screen.ended(outcomeOf(host.name, answer));
      },
      open.signal,
    );
  } finally {
    screen.end();
    process.off('exit', screen.end);
  }
}

const ownId = /^fleet-[0-9a-f]{8}-([0-9a-f]{8})$/;

/**
 * The id of an operation on all hosts: the one that is given, else a new one with a digest of the words, made before the
 * first connection. Run again with it, hosts go on with what they have begun, and begin nothing twice.
 * @throws WorkerctlError `conflict` if the id was made for other words
 */
export function operationId(given: string | undefined, words: readonly string[]): string {
  const own = digest(JSON.stringify(words), 8);
  if (given === undefined) return `fleet-${randomHex(4)}-${own}`;
  if (!isOperationId(given))
    throw new WorkerctlError('usage', `--op: expected ${idWords}, found ${JSON.stringify(given)}`);
  const made = ownId.exec(given)?.[1];
  if (made === undefined || made === own) return given;
  throw new WorkerctlError(
    'conflict',
    `operation ${given} was begun with other options or targets`,
    {
      hint: 'repeat those, or leave out --op to begin a new operation',
    },
  );
}

/** Says how to go on if this command, its connection or its host is gone: before anything is begun. */
export function sayHowToContinue(op: string, argv = process.argv.slice(2)): void {
  printError(`workerctl: operation ${op}; if this command is cut off: ${lineWith(op, argv)}\n`);
}

/** This very command line, with the id. */
export function lineWith(op: string, argv: readonly string[]): string {
  const isGiven = argv.some((word) => word === '--op' || word.startsWith('--op='));
  const [first = 'fleet', ...others] = argv;
  const verb = first === 'fleet' ? others.slice(0, 1) : [];
  const rest = first === 'fleet' ? others.slice(1) : others;
  const words = isGiven ? argv : [first, ...verb, '--op', op, ...rest];
  return ['workerctl', ...words].map(shellWord).join(' ');
}
