import type { GlobalOptions } from '../../cli/command.ts';
import { print, printError } from '../../cli/print.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import { exitCodes } from '../../core/basics/exit-codes.ts';
import type { HostAnswer } from '../../core/protocols/host-answer.ts';
import type { FleetHost } from '../../core/model/fleet.ts';
import type { JsonObject } from '../../core/protocols/json-reader.ts';
import { fleetCode, outcomeOf } from '../../core/rules/host-outcome.ts';
import { formatTable } from '../../output/table.ts';
import { fleetLine, hostLine } from '../../output/json/fleet.ts';
import { askAll } from './ask-all.ts';
import { actEverywhere } from './everywhere.ts';
import type { OpenFleet } from './open.ts';

interface RolloutWords {
  /** As a host gets them: `rollout --for=10m pause`. */
  readonly words: readonly string[];
  readonly targets: readonly string[];
}

const verbs = ['pause', 'continue', 'cancel'];

/** `workerctl fleet rollout`: shows the restarts on all hosts, or pauses, continues or cancels them. */
export async function fleetRollout(
  open: OpenFleet,
  { words, targets: [verb, ...ids] }: RolloutWords,
  global: GlobalOptions,
): Promise<number> {
  if (verb !== undefined && !verbs.includes(verb))
    throw new WorkerctlError(
      'usage',
      `fleet rollout: expected ${verbs.join(', ')} or nothing, found ${JSON.stringify(verb)}`,
    );
  const answers = await askAll(open, ['rollout', '--json']);
  if (open.signal.aborted) return open.interrupt.exitCode();
  const outcomes = [...answers].map(([host, answer]) => outcomeOf(host, answer));
  if (verb === undefined) {
    const exitCode = exitCodes[fleetCode(outcomes)].code;
    if (global.json) {
      for (const [host, answer] of answers)
        if (answer.kind === 'answered') print(hostLine(host, answer.object));
      print(fleetLine({ command: 'fleet rollout', exitCode, hosts: outcomes }));
    } else print(formatRollouts(answers));
    return exitCode;
  }
  // A host with no restart would fail, and one that does not answer may have one.
  const hosts = open.hosts.filter(({ name }) => {
    const answer = answers.get(name);
    return answer?.kind !== 'answered' || hasRollout(answer, ids);
  });
  if (hosts.length === 0)
    throw new WorkerctlError(
      'failed',
      `no restart is in progress on any host: there is none to ${verb}`,
    );
  const rest = open.hosts.length - hosts.length;
  if (rest > 0 && !global.json)
    printError(`workerctl: no restart is in progress on ${rest} of ${open.hosts.length} hosts\n`);
  const rollout = { words, hasId: true, isBrief: true as const, hosts };
  if (verb === 'continue') return actEverywhere(open, rollout, global);
  // A restart that goes through the hosts may have begun the next one since.
  const more = async (): Promise<readonly FleetHost[]> => {
    const now = await askAll(open, ['rollout', '--json']);
    return open.hosts.filter((host) => {
      const answer = now.get(host.name);
      return !hosts.includes(host) && answer !== undefined && hasRollout(answer, ids);
    });
  };
  return actEverywhere(open, { ...rollout, more }, global);
}

const hasRollout = (answer: HostAnswer, ids: readonly string[]): boolean =>
  rolloutsIn(answer).some((one) => isNamed(one, ids));

const rolloutsIn = (answer: HostAnswer): readonly JsonObject[] =>
  answer.kind === 'answered' && Array.isArray(answer.object['rollouts'])
    ? (answer.object['rollouts'] as JsonObject[])
    : [];

const isNamed = ({ id }: JsonObject, ids: readonly string[]): boolean =>
  ids.length === 0 || ids.some((one) => String(id).startsWith(one));

function formatRollouts(answers: ReadonlyMap<string, HostAnswer>): string {
  const rows = [...answers].flatMap(([host, answer]): string[][] => {
    if (answer.kind !== 'answered') return [[host, '?', '', '', '', answer.problem]];
    return rolloutsIn(answer).map(
      ({ id, state, replaced, waiting, under_way: underWay, change, by }) => [
        host,
        ...[id, state].map(String),
        `${String(replaced)} replaced, ${String(underWay)} under way, ${String(waiting)} waiting`,
        String(by),
        String(change),
      ],
    );
  });
  return rows.length === 0
    ? 'no restart is in progress on any host\n'
    : formatTable([['HOST', 'ID', 'STATE', 'INSTANCES', 'BY', ''], ...rows]);
}
