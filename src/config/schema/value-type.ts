import type { Mismatch } from '../../core/basics/config-problem.ts';
import type { KeyPath, Problem } from '../problems.ts';
import type { Scope } from '../specifiers.ts';
import { described, isUnset, type Entries, type Slot } from '../yaml/tree.ts';
import type { OtherPlaces } from './unknown-key.ts';

/** A part of a JSON Schema (draft 7). */
export interface JsonSchema {
  readonly [word: string]: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly pattern?: string;
}

/** Whether a scalar has the form that a schema describes. Only the words above are looked at. */
export function accepts(schema: JsonSchema, value: unknown): boolean {
  const { anyOf, type = [], minimum, maximum, minLength = 0, pattern = '' } = schema;
  if (anyOf !== undefined) return anyOf.some((each) => accepts(each, value));
  if (schema.enum !== undefined) return schema.enum.includes(value);
  if ('const' in schema) return value === schema.const;
  if (![type].flat().some((each) => isOfType(each, value))) return false;
  if (typeof value === 'number')
    return (
      !(minimum !== undefined && value < minimum) && !(maximum !== undefined && value > maximum)
    );
  return typeof value !== 'string' || (value.length >= minLength && RegExp(pattern).test(value));
}

const isOfType = (type: string, value: unknown): boolean =>
  type === 'integer' ? Number.isInteger(value) : typeof value === type;

/** What the values of a key look like in a config, and what they mean in the model. */
export interface ValueType<Value> {
  /** What a value has to be, in words that messages and the reference use. */
  readonly expected: string;
  readonly json: JsonSchema;
  /** The word that means that there is no value. */
  readonly absent?: string;
  /** What the texts in it are for; undefined: no text in it may hold specifiers. */
  readonly scope?: Scope;
  /** The value in `slot`; null if it is wrong, which is reported. */
  read(slot: Slot, reading: Reading): Value | null;
  /** The value as a config would have it. */
  print(value: Value): unknown;
}

/** Where a value is read. */
export interface Reading {
  readonly path: KeyPath;
  /** The directory of the config file; absolute. */
  readonly base: string;
  readonly report: (problem: Problem) => void;
  /** Whether a preset or the defaults say something of this key, so that null can take it away. */
  readonly isBelow?: (path: KeyPath) => boolean;
  /** The keys of the other maps, to say where a misplaced key belongs. */
  readonly places: OtherPlaces;
}

/** The same reading, one level further down. */
export const inside = (reading: Reading, key: string | number): Reading => ({
  ...reading,
  path: [...reading.path, key],
});

/** Without the keys that take away what a preset or the defaults say. */
export const withoutUnset = (entries: Entries, { path, isBelow }: Reading): Entries =>
  new Map([...entries].filter(([name, slot]) => !(isUnset(slot) && isBelow?.([...path, name]))));

export function report({ path, report }: Reading, offset: number, mismatch: Mismatch): null {
  report({ path, offset, ...mismatch });
  return null;
}

/** Reports that `slot` holds something other than `expected`. */
export const reportOther = (reading: Reading, slot: Slot, expected: string, hint?: string): null =>
  report(reading, slot.offset, {
    expected,
    found: described(slot.found),
    ...(hint !== undefined && { hint }),
  });

/** A number, true or false in quotes, without which it would be right; or a number that lacks its unit. */
function otherwiseWritten(
  { found }: Slot,
  { path }: Reading,
  json: JsonSchema,
): string | undefined {
  const key = path.at(-1);
  if (found.kind !== 'scalar' || typeof key !== 'string') return undefined;
  const { value, source } = found;
  if (typeof value === 'number' && accepts(json, `${source}s`)) return `write ${key}: ${source}s`;
  if (typeof value !== 'string') return undefined;
  if (/^(?:yes|on|no|off)$/i.test(value) && accepts(json, true))
    return `write ${key}: ${/^(?:yes|on)$/i.test(value)}`;
  const bare = /^(?:0|[1-9]\d{0,14}|true|false)$/.test(value)
    ? (JSON.parse(value) as unknown)
    : undefined;
  return accepts(json, bare) ? `write ${key}: ${value}, without quotes` : undefined;
}

/** What is special about a scalar; without any of it, each value that `json` accepts means itself. */
interface ScalarType<Written, Value> {
  readonly expected: string;
  readonly json: JsonSchema;
  readonly scope?: Scope;
  /** What is wrong with a value that `json` accepts, if more can be said than what is expected. */
  readonly problem?: (value: Written) => Mismatch | undefined;
  /** What a value that `json` accepts means; undefined if it is not what is expected. */
  readonly meaning?: (value: Written, source: string, base: string) => Value | undefined;
  readonly print?: (value: Value) => unknown;
}

/** A type of values that are neither lists nor maps. */
export const scalar = <Written, Value = Written>({
  problem = () => undefined,
  meaning = (value) => value as unknown as Value,
  print = (value) => value,
  ...type
}: ScalarType<Written, Value>): ValueType<Value> => ({
  ...type,
  print,
  read(slot, reading) {
    const { found, offset } = slot;
    if (found.kind !== 'scalar' || !accepts(type.json, found.value))
      return reportOther(reading, slot, type.expected, otherwiseWritten(slot, reading, type.json));
    const wrong = problem(found.value as Written);
    if (wrong !== undefined) return report(reading, offset, wrong);
    const value = meaning(found.value as Written, found.source, reading.base);
    return value === undefined ? reportOther(reading, slot, type.expected) : value;
  },
});

/** `type`, or a word in place of a value, such as `unlimited`. */
export const orWord = <Value, const Word extends string>(
  type: ValueType<Value>,
  word: Word,
): ValueType<Value | Word> => {
  const expected = `${type.expected}, or ${word}`;
  return {
    ...type,
    expected,
    json: { anyOf: [type.json, { const: word }] },
    read(slot, reading) {
      if (slot.found.kind === 'scalar' && slot.found.value === word) return word;
      return type.read(slot, {
        ...reading,
        report: (problem) => {
          const isOther = problem.expected === type.expected;
          reading.report(isOther ? { ...problem, expected } : problem);
        },
      });
    },
    print: (value) => (value === word ? word : type.print(value as Value)),
  };
};

/** `type`, of which `word` means that there is no value. */
export const withAbsent = <Value, const Word extends Value & string>(
  type: ValueType<Value>,
  word: Word,
): ValueType<Exclude<Value, Word> | undefined> => ({
  ...type,
  absent: word,
  read(slot, reading) {
    const value = type.read(slot, reading);
    return value === word ? undefined : (value as Exclude<Value, Word> | null);
  },
  print: (value) => type.print(value as Value),
});

export const listOf = <Value>(
  item: ValueType<Value>,
  what: string,
  json: JsonSchema = {},
): ValueType<readonly Value[]> => ({
  expected: `a list of ${what}`,
  json: { type: 'array', items: item.json, ...json },
  ...(item.scope && { scope: item.scope }),
  read(slot, reading) {
    if (slot.found.kind !== 'list') return reportOther(reading, slot, `a list of ${what}`);
    return slot.found.items.flatMap((each, index) => {
      const value = item.read(each, inside(reading, index));
      return value === null ? [] : [value];
    });
  },
  print: (values) => values.map((value) => item.print(value)),
});

/** A map whose keys are names of the user's choice. */
export const recordOf = <Value>(
  name: ValueType<string>,
  item: ValueType<Value>,
  expected: string,
  least = 0,
): ValueType<Readonly<Record<string, Value>>> => ({
  expected,
  json: {
    type: 'object',
    propertyNames: name.json,
    additionalProperties: item.json,
    ...(least > 0 && { minProperties: least }),
  },
  ...(item.scope && { scope: item.scope }),
  read(slot, reading) {
    const { found } = slot;
    if (found.kind !== 'map' || found.entries.size < least)
      return report(reading, slot.offset, {
        expected,
        found: found.kind === 'map' ? 'an empty map' : described(found),
      });
    const entries = [...withoutUnset(found.entries, reading)].flatMap(([key, entry]) => {
      const at = inside(reading, key);
      const written = { kind: 'scalar', value: key, source: key } as const;
      name.read({ found: written, offset: entry.keyOffset, keyOffset: entry.keyOffset }, at);
      const value = item.read(entry, at);
      return value === null ? [] : [[key, value] as const];
    });
    return Object.fromEntries(entries);
  },
  print: (values) =>
    Object.fromEntries(Object.entries(values).map(([key, value]) => [key, item.print(value)])),
});
