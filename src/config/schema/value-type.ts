import type { Mismatch } from '../../core/basics/config-problem.ts';
import type { KeyPath, Problem } from '../problems.ts';
import type { Scope } from '../specifiers.ts';
import { described, type Slot } from '../yaml/tree.ts';
import type { OtherPlaces } from './unknown-key.ts';

/** A part of a JSON Schema (draft 7). */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** What the values of a key look like in a config, and what they mean in the model. */
export interface ValueType<Value> {
  /** What a value has to be, in words that messages and the reference use. */
  readonly expected: string;
  readonly json: JsonSchema;
  /** The word that means that there is no value; the model then has none. */
  readonly absent?: string;
  readonly scope?: Scope;
  /** The value that stands in `slot`; null if it is wrong, which is reported. */
  read(slot: Slot, reading: Reading): Value | null;
  /** The value as a config would have it. */
  print(value: Value): unknown;
  /** A worker's own value together with the one of the defaults; without this it is replaced. */
  merged?(defaults: Partial<Value>, own: Value): Value;
}

/** Where a value is read. */
export interface Reading {
  readonly path: KeyPath;
  /** The folder of the config file; absolute. */
  readonly base: string;
  readonly report: (problem: Problem) => void;
  /** The keys of the other maps, to say where a misplaced key belongs. */
  readonly places: OtherPlaces;
}

/** The same reading, one level further down. */
export const inside = (reading: Reading, key: string | number): Reading => ({
  ...reading,
  path: [...reading.path, key],
});

export function report({ path, report }: Reading, offset: number, mismatch: Mismatch): null {
  report({ path, offset, ...mismatch });
  return null;
}

/** Reports that something else than `expected` stands in `slot`. */
export const reportOther = (reading: Reading, slot: Slot, expected: string): null =>
  report(reading, slot.offset, { expected, found: described(slot.found) });

/** What a scalar means; undefined if it is not what is expected; or what is wrong with it in particular. */
type Meaning<Value> = { readonly value: Value } | { readonly wrong: Mismatch } | undefined;

interface ScalarType<Value> extends Omit<ValueType<Value>, 'read' | 'print'> {
  readonly meaning: (value: unknown, source: string, reading: Reading) => Meaning<Value>;
  readonly print?: (value: Value) => unknown;
}

/** A type of values that are neither lists nor maps. */
export const scalarType = <Value>({
  meaning,
  print = (value) => value,
  ...type
}: ScalarType<Value>): ValueType<Value> => ({
  ...type,
  print,
  read(slot, reading) {
    const { found, offset } = slot;
    const meant = found.kind === 'scalar' ? meaning(found.value, found.source, reading) : undefined;
    if (meant === undefined) return reportOther(reading, slot, type.expected);
    return 'value' in meant ? meant.value : report(reading, offset, meant.wrong);
  },
});

/** `type`, and a word in place of a value, such as `never` or `unlimited`. */
export const orWord = <Value, Word extends string>(
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
): ValueType<Value> & { readonly absent: Word } => ({ ...type, absent: word });

/** A list of any length. */
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
    const entries = [...found.entries].flatMap(([key, entry]) => {
      const at = inside(reading, key);
      const written = { kind: 'scalar', value: key, source: key } as const;
      name.read({ found: written, offset: entry.keyOffset, keyOffset: entry.keyOffset }, at);
      const value = item.read(entry, at);
      return value === null ? [] : [[key, value] as const];
    });
    return Object.fromEntries(entries);
  },
  merged: (defaults, own) => ({ ...(defaults as typeof own), ...own }),
  print: (values) =>
    Object.fromEntries(Object.entries(values).map(([key, value]) => [key, item.print(value)])),
});
