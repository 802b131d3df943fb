import { specifiersIn } from '../specifiers.ts';
import { described } from '../yaml/tree.ts';
import { inside, report, reportOther } from './value-type.ts';
import type { JsonSchema, Reading, ValueType } from './value-type.ts';
import type { Slot } from '../yaml/tree.ts';
import { unknownKeyHint } from './unknown-key.ts';

/** One key of the config: everything that there is to say about it. */
export interface Key {
  readonly type: ValueType<unknown>;
  /** What it means; whole sentences. */
  readonly help: string;
  /** The value in force if the key is left out, as a config would have it. */
  readonly default?: unknown;
  /** What holds if the key is left out, if that is no value; for the reference. */
  readonly without?: string;
  readonly required?: true;
  /** A value for the reference and for editors, as a config would have it. */
  readonly example?: unknown;
}

/** The keys of one map, by name. */
export type Keys = Readonly<Record<string, Key>>;

/** Two keys that cannot both be there, and why. */
export type Conflict = readonly [one: string, other: string, why: string];

/** A map with known keys. */
export interface SectionType<Of extends Keys> extends ValueType<Section<Of>> {
  readonly keys: Of;
  readonly conflicts: readonly Conflict[];
}

type ValueOf<One extends Key> =
  One['type'] extends SectionType<infer Of>
    ? Section<Of>
    : One['type'] extends ValueType<infer Value>
      ? Value
      : never;
type Required<Of extends Keys> = {
  [Name in keyof Of]: Of[Name] extends { required: true } ? Name : never;
}[keyof Of];

/** What a map says, in the terms of the model. */
export type Section<Of extends Keys> = {
  readonly [Name in Required<Of>]: ValueOf<Of[Name]>;
} & { readonly [Name in Exclude<keyof Of, Required<Of>>]?: ValueOf<Of[Name]> | undefined };

type Camel<Name> = Name extends `${infer First}_${infer Rest}`
  ? `${First}${Capitalize<Camel<Rest>>}`
  : Name;
type FilledValue<One extends Key> =
  One['type'] extends SectionType<infer Of>
    ? Filled<Of>
    : One['type'] extends { absent: infer Word }
      ? Exclude<ValueOf<One>, Word>
      : ValueOf<One>;

/** The keys that have a value whatever the config says. */
type Sure<Of extends Keys> = {
  [Name in keyof Of]: Of[Name] extends { type: { absent: string } }
    ? never
    : Of[Name] extends { type: SectionType<infer Inner> }
      ? Required<Inner> extends never
        ? Name
        : never
      : Of[Name] extends { required: true } | { default: unknown }
        ? Name
        : never;
}[keyof Of];

/** A map of the config with its defaults, under the names that the model has. */
export type Filled<Of extends Keys> = {
  readonly [Name in Sure<Of> as Camel<Name>]: FilledValue<Of[Name]>;
} & { readonly [Name in Exclude<keyof Of, Sure<Of>> as Camel<Name>]?: FilledValue<Of[Name]> };

interface SectionOptions {
  readonly expected?: string;
  readonly conflicts?: readonly Conflict[];
  /** Whether one of the keys must be there. */
  readonly needsOne?: true;
}

/** The type of a map that holds no other keys than these. */
export const section = <const Of extends Keys>(
  keys: Of,
  {
    expected = `a map of ${Object.keys(keys).join(', ')}`,
    conflicts = [],
    needsOne,
  }: SectionOptions = {},
): SectionType<Of> => ({
  keys,
  conflicts,
  expected,
  get json() {
    return sectionSchema(keys, conflicts, needsOne);
  },
  read(slot, reading) {
    if (slot.found.kind !== 'map') return reportOther(reading, slot, expected);
    const { entries } = slot.found;
    for (const [name, { keyOffset }] of entries)
      if (!Object.hasOwn(keys, name)) reportUnknown(name, keyOffset, keys, reading);
    for (const [one, other, hint] of conflicts)
      if (entries.has(one) && entries.has(other))
        report(reading, slot.offset, { found: `both ${one} and ${other}`, hint });
    const names = Object.keys(keys);
    if (needsOne && !names.some((name) => entries.has(name)))
      report(reading, slot.offset, { expected: names.join(' or '), found: 'neither' });
    return readKeys(keys, slot.keyOffset, entries, reading) as Section<Of>;
  },
  print: (value) => printKeys(keys, value),
  merged: (defaults, own) => (isWhole(keys) ? own : mergedKeys({ keys, conflicts }, defaults, own)),
});

function readKeys(
  keys: Keys,
  keyOffset: number,
  entries: ReadonlyMap<string, Slot>,
  reading: Reading,
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, key] of Object.entries(keys)) {
    const entry = entries.get(name);
    if (entry !== undefined)
      values[name] = key.type.read(entry, inside(reading, name)) ?? undefined;
    else if (key.required) {
      const problem = { expected: key.type.expected, found: 'nothing', hint: 'add the key' };
      report(inside(reading, name), keyOffset, problem);
    }
  }
  return values;
}

function reportUnknown(name: string, offset: number, keys: Keys, reading: Reading): void {
  const hint = unknownKeyHint(name, Object.keys(keys), reading.path, reading.places);
  report(inside(reading, name), offset, { found: 'an unknown key', hint });
}

function sectionSchema(
  keys: Keys,
  conflicts: readonly Conflict[],
  needsOne: true | undefined,
): JsonSchema {
  const names = Object.keys(keys);
  const required = names.filter((name) => keys[name]?.required);
  const pairs = conflicts.map(([one, other]) => ({ required: [one, other] }));
  return {
    type: 'object',
    properties: Object.fromEntries(
      Object.entries(keys).map(([name, key]) => [name, keySchema(key)]),
    ),
    additionalProperties: false,
    ...(required.length > 0 && { required }),
    ...(needsOne && { anyOf: names.map((name) => ({ required: [name] })) }),
    ...(pairs.length > 0 && { not: { anyOf: pairs } }),
  };
}

const keySchema = ({ type, help, default: value, without, example }: Key): JsonSchema => ({
  description: [help, ...defaultSentence(value, without), ...scopeSentence(type)].join(' '),
  ...(value !== undefined && { default: value }),
  ...(example !== undefined && { examples: [example] }),
  ...type.json,
});

function defaultSentence(value: unknown, without: string | undefined): string[] {
  if (value === undefined) return without === undefined ? [] : [`Default: ${without}.`];
  return [`Default: ${typeof value === 'string' ? value : JSON.stringify(value)}.`];
}

function scopeSentence({ scope = 'config' }: ValueType<unknown>): string[] {
  const specifiers = specifiersIn[scope];
  return specifiers.length === 0 ? [] : [`May hold ${specifiers.join(' ')} and %% (percent sign).`];
}

export const isSection = (type: ValueType<unknown>): type is SectionType<Keys> => 'keys' in type;

/** A map that needs a key is whole in itself: the defaults add nothing to it, and without it there is none. */
const isWhole = (keys: Keys): boolean => Object.values(keys).some((key) => key.required);

/** Own keys over the defaults. A key takes the place of those that cannot be there with it. */
export function mergedKeys<Of extends Keys>(
  { keys, conflicts }: Pick<SectionType<Of>, 'keys' | 'conflicts'>,
  defaults: Partial<Section<Of>>,
  own: Section<Of>,
): Section<Of> {
  const isReplaced = (name: string): boolean =>
    conflicts.some(([a, b]) => (a === name && b in own) || (b === name && a in own));
  const result: Record<string, unknown> = Object.fromEntries(
    Object.entries(defaults).filter(([name]) => !isReplaced(name)),
  );
  for (const [name, value] of Object.entries(own)) {
    const above = result[name] as object | undefined;
    result[name] = (above && keys[name]?.type.merged?.(above, value)) ?? value;
  }
  return result as Section<Of>;
}

/** The values in force under the names of the model: what is left out has its default, or is left out here too. */
export function filled<Of extends Keys>(keys: Of, values: object, base: string): Filled<Of> {
  const entries = Object.entries<Key>(keys).flatMap(([name, { type, default: written }]) => {
    const own = (values as Record<string, unknown>)[name];
    const value =
      own ?? (written === undefined ? undefined : defaultValue(type, written, base, name));
    if (isSection(type)) {
      if (value === undefined && isWhole(type.keys)) return [];
      return [[camelCase(name), filled(type.keys, value ?? {}, base)]];
    }
    return value === undefined || value === type.absent ? [] : [[camelCase(name), value]];
  });
  return Object.fromEntries(entries) as Filled<Of>;
}

/** What the default means; it is checked by a test and not here. */
function defaultValue(
  type: ValueType<unknown>,
  value: unknown,
  base: string,
  name: string,
): unknown {
  const slot: Slot = {
    found: { kind: 'scalar', value, source: String(value) },
    offset: 0,
    keyOffset: 0,
  };
  const report = () => {
    throw new Error(`the default of ${name} is not of its type: ${described(slot.found)}`);
  };
  return type.read(slot, { path: [name], base, report, places: { top: [], worker: [] } });
}

const camelCase = (name: string): string =>
  name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** The inverse of `filled`: values of the model under the keys of the config, in the order of the table. */
export function printKeys(keys: Keys, values: object): Record<string, unknown> {
  const entries = Object.entries(keys).flatMap(([name, { type }]) => {
    const value = (values as Record<string, unknown>)[camelCase(name)];
    if (value !== undefined) return [[name, type.print(value)]];
    return type.absent === undefined ? [] : [[name, type.absent]];
  });
  return Object.fromEntries(entries) as Record<string, unknown>;
}
