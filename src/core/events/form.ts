import type { Duration, Moment } from '../basics/time.ts';
import type { QuietSignal } from '../model/config.ts';
import type { LeftProcess } from '../model/leftovers.ts';
import type { Death } from '../model/record.ts';
import { signalName } from '../model/signal-names.ts';

/** What JSON can hold. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [member: string]: JsonValue };

/** A JSON Schema, or a part of one. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** How a value of an event is written as JSON. */
export interface Form<Value> {
  /** The unit, which ends the member's name. */
  readonly unit: '' | '_seconds' | '_bytes';
  readonly schema: JsonSchema;
  readonly toJson: (value: Value) => JsonValue;
}

/** A value that is JSON already. */
const plain = <Value extends JsonValue>(schema: JsonSchema): Form<Value> => ({
  unit: '',
  schema,
  toJson: (value) => value,
});

export const integer = plain<number>({ type: 'integer' });
export const text = plain<string>({ type: 'string' });
export const lines = plain<readonly string[]>({ type: 'array', items: { type: 'string' } });
export const flag = plain<boolean>({ type: 'boolean' });

/** One of a few words. */
export const oneOf = <const Word extends string>(...words: readonly Word[]): Form<Word> =>
  plain({ type: 'string', enum: words });

export const seconds: Form<Duration> = {
  unit: '_seconds',
  schema: { type: 'number', minimum: 0 },
  toJson: (length) => length / 1000,
};

export const bytes: Form<number> = {
  unit: '_bytes',
  schema: { type: 'integer', minimum: 0 },
  toJson: (size) => size,
};

/** The last moment that a Date can hold. */
const endOfTime = 8.64e15;

/** A moment as RFC 3339 in UTC with milliseconds: `2026-11-21T12:30:01.123Z`. */
export const rfc3339 = (at: number): string => new Date(Math.min(at, endOfTime)).toISOString();

export const moment: Form<Moment> = {
  unit: '',
  schema: { type: 'string', format: 'date-time' },
  toJson: rfc3339,
};

export const signal: Form<QuietSignal> = {
  unit: '',
  schema: { type: 'string', pattern: '^SIG' },
  toJson: (name) => `SIG${name}`,
};

export const processes: Form<readonly LeftProcess[]> = {
  unit: '',
  schema: {
    type: 'array',
    items: {
      type: 'object',
      properties: { pid: { type: 'integer' }, name: { type: 'string' } },
      required: ['pid', 'name'],
    },
  },
  toJson: (all) => all.map(({ pid, name }) => ({ pid, name })),
};

/** An object with its kind; the other members depend on that. */
export const death: Form<Death> = {
  unit: '',
  schema: {
    type: 'object',
    properties: {
      kind: { enum: ['exited', 'signalled', 'rebooted', 'unlaunched', 'unknown'] },
      exit_status: { type: 'integer' },
      signal: { type: 'string', pattern: '^SIG' },
      core_dumped: { type: 'boolean' },
      out_of_memory: { enum: ['certain', 'likely'] },
      problem: { type: 'string' },
    },
    required: ['kind'],
  },
  toJson: deathToJson,
};

function deathToJson(how: Death): JsonValue {
  const { kind } = how;
  switch (kind) {
    case 'exited':
      return { kind, exit_status: how.status };
    case 'signalled':
      return {
        kind,
        signal: signalName(how.signal),
        core_dumped: how.coreDumped,
        ...(how.outOfMemory && { out_of_memory: how.outOfMemory }),
      };
    case 'rebooted':
      return { kind };
    case 'unlaunched':
      return { kind, problem: how.found };
    case 'unknown':
      return { kind, problem: how.why };
  }
}
