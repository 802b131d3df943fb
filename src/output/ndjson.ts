import type { Draining, Event } from '../core/event.ts';
import type { ActOutcome } from '../core/outcome.ts';

/** The version of these lines; a change that breaks readers raises it. */
const schema = 1;

/** The keys whose numbers are lengths of time. */
const durations: ReadonlySet<string> = new Set([
  'after',
  'delay',
  'drained',
  'draining',
  'limit',
  'took',
  'uptime',
]);

/** The keys whose numbers are moments, except in `Draining`. */
const moments: ReadonlySet<string> = new Set(['at', 'since', 'until']);

/** An event as one line, at once when it happens. Keys are in snake case, lengths in seconds (`drained_s`), times ISO 8601. */
export const eventLine = ({ at, ...event }: Event): string =>
  line({ event: inSnakeCase({ at, ...event }) });

/** How an acting command has ended: the last line. The keys of `extra` are printed as they are. */
export const resultLine = (
  { command, end, draining, pending }: ActOutcome,
  exitCode: number,
  extra: object = {},
): string =>
  line({
    result: {
      command,
      end,
      exit_code: exitCode,
      draining: draining.map(drainingJson),
      pending,
      ...extra,
    },
  });

const line = (value: object): string => `${JSON.stringify({ schema, ...value })}\n`;

const drainingJson = ({ instance, pid, since, ...rest }: Draining): object => ({
  instance,
  pid,
  since_s: since / 1000,
  ...inSnakeCase(rest),
});

const inSnakeCase = (value: object): object =>
  Object.fromEntries(Object.entries(value).map(([key, each]) => entry(key, each)));

function entry(key: string, value: unknown): [string, unknown] {
  const name = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  if (typeof value !== 'number') return [name, jsonOf(value)];
  if (durations.has(key)) return [`${name}_s`, value / 1000];
  return [name, moments.has(key) ? new Date(value).toISOString() : value];
}

function jsonOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(jsonOf);
  return typeof value === 'object' && value !== null ? inSnakeCase(value) : value;
}
