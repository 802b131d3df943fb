import type { GlobalOptions } from '../../cli/command.ts';
import { colours } from '../../cli/colours.ts';
import { hasReader, print, printBytes, printError, printPainted } from '../../cli/print.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import { exitCodes } from '../../core/basics/exit-codes.ts';
import { headOf } from '../../core/protocols/line-head.ts';
import { mergeLines } from '../../core/protocols/merge-lines.ts';
import type { JsonObject } from '../../core/protocols/json-reader.ts';
import { fleetCode, outcomeOf, type HostOutcome } from '../../core/rules/host-outcome.ts';
import { askHost } from '../../engine/fleet/ask-host.ts';
import { inTurn } from '../../engine/fleet/in-turn.ts';
import { now } from '../../host/process/clock.ts';
import { formatHostEntry, hostLogFormat } from '../../output/fleet-lines.ts';
import { fleetLine, hostLine } from '../../output/json/fleet.ts';
import type { OpenFleet } from './open.ts';

/** Lines are held until all hosts have answered, in characters. */
const mostHeld = 128 * 1024 * 1024;

interface FleetLines {
  readonly verb: 'events' | 'logs';
  readonly words: readonly string[];
  /** It continues with new lines. */
  readonly isEndless: boolean;
  /** Of logs: the bytes of the lines and nothing else. */
  readonly isRaw: boolean;
  /** Of logs: each line begins with its time. */
  readonly hasTimes: boolean;
}

/**
 * `workerctl fleet events|logs`: the lines of all hosts in the order of their times, each with its host in front; new ones as
 * they come.
 */
export async function fleetLines(
  open: OpenFleet,
  { verb, words: [name = verb, ...rest], isEndless, ...look }: FleetLines,
  global: GlobalOptions,
): Promise<number> {
  const { hosts, fleet } = open;
  if (isEndless && hosts.length > fleet.connections)
    throw new WorkerctlError(
      'usage',
      `--follow: expected at most ${fleet.connections} hosts, one connection each, found ${hosts.length}`,
      { hint: 'choose some with --host' },
    );
  const left = new AbortController();
  const isOver = (): boolean => signal.aborted;
  const signal = AbortSignal.any([open.signal, left.signal]);
  const show = await shower(open, { verb, ...look }, global);
  const held = new Map<string, JsonObject[]>();
  let room = mostHeld;
  const outcomes = new Map<string, HostOutcome>();
  await inTurn(hosts, fleet.connections, async (host) => {
    if (isOver()) return;
    const own: JsonObject[] = [];
    held.set(host.name, own);
    const hear = (object: JsonObject): void => {
      if (!isLine(object)) return;
      if (isEndless) show(host.name, object);
      else if (room > 0) own.push(object);
      room -= isEndless ? 0 : JSON.stringify(object).length;
      if (!hasReader() || room <= 0) left.abort();
    };
    const answer = await askHost({ ...open, signal }, host, {
      words: [name, '--json', ...rest],
      isLong: isEndless,
      hear,
      again: () => {
        own.length = 0;
        if (isEndless)
          printError(
            `workerctl: ${host.name}: the connection was cut and is made again; lines may be shown twice\n`,
          );
      },
    });
    const outcome = outcomeOf(host.name, answer);
    outcomes.set(host.name, outcome);
    if (outcome.state !== 'done' && !isOver())
      printError(
        `workerctl: ${host.name}: ${outcome.problem ?? `exit code ${String(outcome.exitCode)}`}\n`,
      );
  });
  const streams = hosts.map(({ name: label }) => ({
    label,
    lines: held.get(label) ?? [],
    writtenAt: 0,
  }));
  for (const { label, line } of mergeLines(streams, stampOf)) show(label, line);
  if (room <= 0)
    throw new WorkerctlError('failed', `fleet ${verb}: the hosts print too much to be merged`, {
      hint: 'ask for fewer lines with --lines, or for fewer hosts with --host',
    });
  if (isOver()) return open.interrupt.exitCode();
  const ended = hosts.flatMap(({ name: host }) => outcomes.get(host) ?? []);
  const exitCode = exitCodes[fleetCode(ended)].code;
  if (global.json) print(fleetLine({ command: `fleet ${verb}`, exitCode, hosts: ended }));
  return exitCode;
}

/** Not the last line, and not an error. */
const isLine = ({ kind }: JsonObject): boolean => kind !== undefined && kind !== 'result';

/** Events have their time; of a log, the line itself may begin with one. */
function stampOf({ at, line }: JsonObject): number | undefined {
  if (typeof at !== 'string') return headOf(String(line), now()).at;
  const stamp = Date.parse(at);
  return Number.isNaN(stamp) ? undefined : stamp;
}

async function shower(
  { hosts }: OpenFleet,
  { verb, isRaw, hasTimes }: Pick<FleetLines, 'verb' | 'isRaw' | 'hasTimes'>,
  { json }: GlobalOptions,
): Promise<(host: string, object: JsonObject) => void> {
  if (json)
    return (host, object) => {
      print(hostLine(host, object));
    };
  if (isRaw)
    return (_, { line }) => {
      printBytes(Buffer.from(`${String(line)}\n`));
    };
  const painted = await colours();
  const width = Math.max(...hosts.map(({ name }) => name.length));
  const format = verb === 'events' ? formatHostEntry : hostLogFormat(hasTimes);
  return (host, object) => {
    printPainted(format(host.padEnd(width), object, painted, now()));
  };
}
