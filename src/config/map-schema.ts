import * as z from 'zod/mini';
import { $constructor } from 'zod/v4/core';

/** A schema that is made when it is first needed, and then kept. */
export function later<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

type Schema = z.core.$ZodType;

/** A key that must be there by its schema; one that may be left out also by what makes it. */
type Entry = Schema | (() => z.ZodMiniOptional);

type Made<One> = One extends () => infer Result ? Result : One;

type SchemaOf<One> = Made<One> extends Schema ? Made<One> : Schema;

type Shape<Entries> = { -readonly [Key in keyof Entries]: SchemaOf<Entries[Key]> };

/**
 * A map that holds no other keys than these. To make the schemas of all keys takes longer than to check a config, which
 * holds few of them: so those that are left out are made for the JSON Schema and for messages only.
 */
export function map<const Entries extends Readonly<Record<string, Entry>>>(
  entries: Entries,
  error = 'a map',
  ...rules: readonly z.core.$ZodCheck[]
): z.ZodMiniObject<Shape<Entries>> {
  const shape: Record<string, Schema> = {};
  for (const [key, entry] of Object.entries(entries)) {
    if (typeof entry !== 'function') shape[key] = entry;
    else Object.defineProperty(shape, key, { get: () => madeBy(entry), enumerable: true });
  }
  return new PartialMap({
    type: 'object',
    shape,
    catchall: never(),
    error: () => error,
    checks: [...rules],
    partOf: partsOf(entries, shape, error),
  }) as unknown as z.ZodMiniObject<Shape<Entries>>;
}

const never = later(() => z.never());

const known = new WeakMap<() => Schema, Schema>();

/** One and the same for all maps that share this entry. */
function madeBy(make: () => Schema): Schema {
  const schema = known.get(make) ?? make();
  known.set(make, schema);
  return schema;
}

interface Definition extends z.core.$ZodObjectDef {
  readonly partOf: PartOf;
}

/** The schema for a value, of the keys that must be there and those that are. */
type PartOf = (value: unknown) => Schema;

function partsOf(
  entries: Readonly<Record<string, Entry>>,
  shape: Readonly<Record<string, Schema>>,
  error: string,
): PartOf {
  const parts = new Map<string, Schema>();
  return (value) => {
    const there = typeof value === 'object' && value !== null ? value : {};
    const keys = Object.keys(entries).filter(
      (key) => typeof entries[key] !== 'function' || Object.hasOwn(there, key),
    );
    const name = keys.join();
    const part = parts.get(name);
    if (part !== undefined) return part;
    const made = z.strictObject(
      Object.fromEntries(keys.flatMap((key) => (shape[key] ? [[key, shape[key]]] : []))),
      { error },
    );
    parts.set(name, made);
    return made;
  };
}

const zodMap: z.core.$constructor<z.ZodMiniObject> = z.ZodMiniObject;

const PartialMap: z.core.$constructor<z.ZodMiniObject, Definition> = $constructor(
  'PartialMap',
  (inst, def) => {
    zodMap.init(inst, def);
    inst._zod.parse = (payload, context) => def.partOf(payload.value)._zod.parse(payload, context);
  },
);
