import { shortened } from '../problems.ts';
import { isUnset, type Entries, type Slot } from '../yaml/tree.ts';
import { hintInstead, meantKey, misplacedHint } from './unknown-key.ts';
import {
  inside,
  report,
  reportOther,
  withoutUnset,
  type Reading,
  type ValueType,
} from './value-type.ts';

/** One key of the config: everything about it. */
export interface Key {
  readonly type: ValueType<unknown>;
  /** What it means; whole sentences. */
  readonly help: string;
  /** The value in force if the key is left out, as a config would have it. */
  readonly default?: string | number | boolean;
  /** What holds if the key is left out, if that is no value; for the reference. */
  readonly without?: string;
  readonly required?: true;
  /** A map that has no defaults: it is left out as a whole, and replaced as a whole. */
  readonly optional?: true;
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
  readonly needsOne?: true | readonly string[] | undefined;
}

type Camel<Name> = Name extends `${infer First}_${infer Rest}`
  ? `${First}${Capitalize<Camel<Rest>>}`
  : Name;

type ValueOf<One extends Key> = One['type'] extends ValueType<infer Value> ? Value : never;

/** The keys that always have a value. */
type Sure<Of extends Keys> = {
  [Name in keyof Of]: undefined extends ValueOf<Of[Name]>
    ? never
    : Of[Name] extends { optional: true }
      ? never
      : Of[Name] extends { required: true } | { default: unknown } | { type: { keys: Keys } }
        ? Name
        : never;
}[keyof Of];

/** What a map means, with its defaults, under the names that the model has. */
export type Section<Of extends Keys> = {
  readonly [Name in Sure<Of> as Camel<Name>]: ValueOf<Of[Name]>;
} & {
  readonly [Name in Exclude<keyof Of, Sure<Of>> as Camel<Name>]?: Exclude<
    ValueOf<Of[Name]>,
    undefined
  >;
};

interface SectionOptions {
  readonly expected?: string;
  readonly conflicts?: readonly Conflict[];
  /** One of the keys, or one of these, must be there. */
  readonly needsOne?: true | readonly string[];
  /** Other keys that may be there, and mean nothing. */
  readonly allowed?: RegExp;
}

/** The type of a map that holds no other keys than these. */
export const section = <const Of extends Keys>(
  keys: Of,
  {
    expected = `a map of ${Object.keys(keys).join(', ')}`,
    conflicts = [],
    needsOne,
    allowed,
  }: SectionOptions = {},
): SectionType<Of> => ({
  keys,
  conflicts,
  needsOne,
  expected,
  json: { type: 'object' },
  read(slot, reading) {
    if (slot.found.kind !== 'map')
      return reportOther(reading, slot, expected, exampleFor(keys, slot, reading));
    const entries = withoutUnset(slot.found.entries, reading);
    const names = Object.keys(keys);
    const misspelled = reportUnknown(names, entries, reading, allowed);
    for (const [one, other, hint] of conflicts)
      if (entries.has(one) && entries.has(other))
        report(reading, slot.offset, { found: `both ${one} and ${other}`, hint });
    const choices = needsOne === true ? names : needsOne;
    if (choices?.some((name) => entries.has(name) || misspelled.has(name)) === false)
      report(reading, slot.offset, { expected: choices.join(' or '), found: 'neither' });
    const values = Object.entries(keys).map(([name, key]) => {
      const at = inside(reading, name);
      const entry = entries.get(name);
      if (entry !== undefined) return [camelCase(name), key.type.read(entry, at)] as const;
      const value = misspelled.has(name) ? null : leftOut(key, slot.keyOffset, at);
      return [camelCase(name), value] as const;
    });
    return Object.fromEntries(values.filter(([, value]) => value != null)) as Section<Of>;
  },
  print: (value) => printKeys(keys, value),
});

/** How a value would be written that stands where a map must be: as its first key that accepts it. */
function exampleFor(keys: Keys, slot: Slot, reading: Reading): string | undefined {
  const { found } = slot;
  const above = reading.path.at(-1);
  if (found.kind !== 'scalar' || found.source === '' || typeof above !== 'string') return undefined;
  const silent = { ...reading, report: () => undefined };
  const [accepting] =
    Object.entries(keys).find(
      ([, { type }]) => !isSection(type) && type.read(slot, silent) != null,
    ) ?? [];
  return accepting === undefined
    ? undefined
    : `such as ${above}: {${accepting}: ${shortened(found.source)}}`;
}

/** Reports the keys that are not among `names`. Those that they were most likely meant to be are not missing. */
function reportUnknown(
  names: readonly string[],
  entries: Entries,
  reading: Reading,
  allowed: RegExp | undefined,
): Set<string> {
  const misspelled = new Set<string>();
  for (const [name, { keyOffset, found }] of entries) {
    if (names.includes(name) || allowed?.test(name)) continue;
    const instead = hintInstead(name, found.kind === 'scalar' ? found.source : '', names);
    const meant = instead === undefined ? meantKey(name, names) : undefined;
    if (meant !== undefined) misspelled.add(meant);
    const hint =
      instead ??
      (meant === undefined
        ? misplacedHint(name, names, reading.path, reading.places)
        : `did you mean "${meant}"?`);
    report(inside(reading, name), keyOffset, { found: 'an unknown key', hint });
  }
  return misspelled;
}

function leftOut(key: Key, offset: number, reading: Reading): unknown {
  const { type, required, optional, default: value } = key;
  if (required) {
    const problem = { expected: type.expected, found: 'nothing', hint: 'add the key' };
    return report(reading, offset, problem);
  }
  const at = { offset, keyOffset: offset };
  if (isSection(type) && !optional)
    return type.read({ found: { kind: 'map', entries: new Map() }, ...at }, reading);
  if (value === undefined) return undefined;
  return type.read({ found: { kind: 'scalar', value, source: String(value) }, ...at }, reading);
}

export const isSection = (type: ValueType<unknown>): type is SectionType<Keys> => 'keys' in type;

const camelCase = (name: string): string =>
  name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** The inverse of reading: values of the model under the keys of the config, in the order of the table. */
export function printKeys(keys: Keys, values: object): Record<string, unknown> {
  const entries = Object.entries(keys).flatMap(([name, { type }]) => {
    const value = (values as Record<string, unknown>)[camelCase(name)];
    const printed = value === undefined ? type.absent : type.print(value);
    return printed === undefined ? [] : [[name, printed]];
  });
  return Object.fromEntries(entries) as Record<string, unknown>;
}

/** A value over the one of the defaults: maps key by key. A key takes the place of those that cannot be there with it. */
export function overDefaults(
  type: ValueType<unknown>,
  own: Slot,
  defaults: Slot | undefined,
): Slot {
  if (own.found.kind !== 'map' || defaults?.found.kind !== 'map') return own;
  const { keys, conflicts } = isSection(type) ? type : { keys: {} as Keys, conflicts: [] };
  const ours = own.found.entries;
  const isOurs = (name: string): boolean => {
    const slot = ours.get(name);
    return slot !== undefined && !isUnset(slot);
  };
  const isReplaced = (name: string): boolean =>
    conflicts.some(([a, b]) => (a === name && isOurs(b)) || (b === name && isOurs(a)));
  const entries = new Map([...defaults.found.entries].filter(([name]) => !isReplaced(name)));
  for (const [name, slot] of ours) {
    if (isUnset(slot)) {
      entries.delete(name);
      continue;
    }
    const key = keys[name];
    const isWhole = key === undefined || key.optional;
    entries.set(name, isWhole ? slot : overDefaults(key.type, slot, entries.get(name)));
  }
  return { ...own, found: { kind: 'map', entries } };
}
