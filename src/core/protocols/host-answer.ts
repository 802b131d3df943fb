import { schemaVersion } from '../basics/schema-version.ts';
import type { JsonObject } from './json-reader.ts';

/** What a host has answered to a command, whatever the connection has become. */
export type HostAnswer =
  | { readonly kind: 'answered'; readonly exitCode: number; readonly object: JsonObject }
  /** Its workerctl prints JSON of another version: what it has done is not known. */
  | { readonly kind: 'other_schema'; readonly problem: string }
  /** Nothing was run there: there is no workerctl, or it cannot be run. */
  | { readonly kind: 'unable'; readonly problem: string }
  /** It is not known what has happened there, if anything. */
  | { readonly kind: 'unknown'; readonly problem: string };

/** How the program that connects has ended, and what it has printed. */
export interface HostEnd {
  /** Undefined if it was killed, or not started. */
  readonly status: number | undefined;
  /** How it ended, in words. */
  readonly words: string;
  /** The last object of its output. */
  readonly last: JsonObject | undefined;
  /** The last lines of its standard error, and what else it has printed that is no JSON. */
  readonly messages: readonly string[];
}

/** Of a message of a host, in characters. */
export const longestProblem = 1_000;

/**
 * What a host has answered. The last object decides, and never ssh's exit code: 255 is a refused connection, one that was
 * cut, or a command that has ended with 255.
 */
export function answerIn(end: HostEnd, workerctl: string): HostAnswer {
  const { last, status, messages } = end;
  if (last !== undefined && isWhole(last)) return readAnswer(last);
  const said = messages
    .findLast((line) => line.trim() !== '')
    ?.trim()
    .slice(0, longestProblem);
  if (last === undefined && status === 127)
    return { kind: 'unable', problem: `no ${workerctl} there: ${said ?? 'command not found'}` };
  if (last === undefined && status === 126) {
    const own = messages.find((line) => line.startsWith('workerctl: '));
    const problem = own?.slice('workerctl: '.length) ?? said ?? 'permission denied';
    return { kind: 'unable', problem: `${workerctl} cannot be run there: ${problem}` };
  }
  return {
    kind: 'unknown',
    problem: said ?? `the connection ended without an answer: ${end.words}`,
  };
}

/** The last line of a stream, an error, or an answer of one object; an event is none of them. */
const isWhole = (object: JsonObject): boolean =>
  typeof object['schema'] === 'number' &&
  (object['kind'] === undefined || object['kind'] === 'result');

function readAnswer(object: JsonObject): HostAnswer {
  const { schema } = object;
  if (schema !== schemaVersion) return { kind: 'other_schema', problem: otherSchema(schema) };
  return { kind: 'answered', exitCode: exitCodeIn(object), object };
}

export const otherSchema = (schema: unknown): string =>
  `its workerctl answers with schema ${String(schema)}, ours understands ${schemaVersion}: install the same version on both`;

/** Answers of one object have no exit code: `ok` says the same. */
function exitCodeIn({
  exit_code: code,
  ok,
  wanted_is_known: isKnown,
  instances,
}: JsonObject): number {
  if (typeof code === 'number') return code;
  if (isKnown === false) return 73;
  if (ok !== false) return 0;
  return instances === undefined ? 1 : 3;
}

/** What went wrong, in the words of an answer with `error`; undefined if it has none. */
export function errorIn({ error }: JsonObject): string | undefined {
  if (typeof error !== 'object' || error === null || !('message' in error)) return undefined;
  return String(error.message);
}
