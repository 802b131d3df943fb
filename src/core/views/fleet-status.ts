import type { HostAnswer } from '../protocols/host-answer.ts';
import type { JsonObject } from '../protocols/json-reader.ts';
import { outcomeOf, type HostOutcome } from '../rules/host-outcome.ts';

/** What one host has answered to `status`. */
export interface HostStatus extends HostOutcome {
  /** How many instances should run, and how many are ready (or quiet or done); undefined: not known. */
  readonly wanted?: number;
  readonly ready?: number;
  /** By release, how many processes run it. */
  readonly releases: Readonly<Record<string, number>>;
  /** Instances that are not ready, with their states: `mail.2 draining`. */
  readonly others: readonly string[];
  /** The answer itself. */
  readonly object?: JsonObject;
}

/** States that are as wanted. */
const fine = ['ready', 'quiet', 'done', 'stopped'];

export function hostStatusOf(host: string, answer: HostAnswer): HostStatus {
  const outcome = outcomeOf(host, answer);
  if (answer.kind !== 'answered' || !Array.isArray(answer.object['instances']))
    return { ...outcome, releases: {}, others: [] };
  const { object } = answer;
  const instances = (object['instances'] as unknown[]).filter(isObject);
  const releases: Record<string, number> = {};
  for (const { release, pid } of instances)
    if (typeof release === 'string' && typeof pid === 'number')
      releases[release] = (releases[release] ?? 0) + 1;
  const problem = object['state_problem'];
  return {
    ...outcome,
    ...(typeof problem === 'string' && { problem }),
    wanted: countIn(object, 'wanted'),
    ready: countIn(object, 'ready') + countIn(object, 'quiet') + countIn(object, 'done'),
    releases,
    others: instances
      .filter(({ state }) => !fine.includes(String(state)))
      .map(({ instance, state }) => `${String(instance)} ${String(state)}`),
    object,
  };
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null;

function countIn(object: JsonObject, member: string): number {
  const value = object[member];
  return typeof value === 'number' ? value : 0;
}
