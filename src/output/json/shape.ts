import type { Moment } from '../../core/basics/time.ts';

/** A JSON Schema, or a part of one. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** One member of a JSON object: how it is written, and what the schema says about it. */
export interface Member<T> {
  readonly schema: JsonSchema;
  /** The member is always there. */
  readonly isRequired: boolean;
  /** The value as JSON; undefined leaves the member out. */
  readonly write: (source: T) => unknown;
}

/** An object of JSON: what prints it and its schema come from the same members. */
export interface Shape<T> {
  readonly schema: JsonSchema;
  readonly write: (source: T) => Record<string, unknown>;
}

type From<T, V> = (source: T) => V | undefined;

const member =
  <V>(schema: JsonSchema, convert: (value: V) => unknown = (value) => value) =>
  <T>(about: string, from: From<T, V>): Member<T> => ({
    schema: { ...schema, description: about },
    isRequired: true,
    write: (source) => {
      const value = from(source);
      return value === undefined ? null : convert(value);
    },
  });

export const text = member<string>({ type: 'string' });
export const integer = member<number>({ type: 'integer' });
export const flag = member<boolean>({ type: 'boolean' });
/** From milliseconds; the name of the member ends in `_seconds`. */
export const seconds = member<number>({ type: 'number' }, (ms) => ms / 1000);
/** RFC 3339, in UTC. */
export const moment = member<Moment>({ type: 'string', format: 'date-time' }, (at) =>
  new Date(at).toISOString(),
);
/** Any JSON object, described elsewhere. */
export const anyObject = member<object>({ type: 'object' });

export const oneOf = <V extends string>(values: readonly V[]) =>
  member<V>({ type: 'string', enum: values });

export const list = <E>(element: Shape<E> | JsonSchema) =>
  member<readonly E[]>(
    { type: 'array', items: isShape(element) ? element.schema : element },
    (values) => (isShape(element) ? values.map((value) => element.write(value)) : values),
  );

export const object = <V>(shape: Shape<V>) =>
  member<V>(shape.schema, (value) => shape.write(value));

/** An object with one member of this schema per name. */
export const mapOf = (values: JsonSchema) =>
  member<Readonly<Record<string, unknown>>>({ type: 'object', additionalProperties: values });

/** The same member, `null` if there is no value. */
export function orNull<T>({ schema, write }: Member<T>): Member<T> {
  const { type, enum: values } = schema;
  const nullable = {
    ...schema,
    type: [type, 'null'],
    ...(Array.isArray(values) && { enum: [...(values as string[]), null] }),
  };
  return { schema: nullable, isRequired: true, write };
}

/** The same member, left out if there is no value. */
export const optional = <T>({ schema, write }: Member<T>): Member<T> => ({
  schema,
  isRequired: false,
  write: (source) => write(source) ?? undefined,
});

/** A shape with these members, in their order. */
export function shape<T>(about: string, members: Readonly<Record<string, Member<T>>>): Shape<T> {
  const entries = Object.entries(members);
  return {
    schema: {
      type: 'object',
      description: about,
      properties: Object.fromEntries(entries.map(([name, { schema }]) => [name, schema])),
      required: entries.flatMap(([name, { isRequired }]) => (isRequired ? [name] : [])),
      additionalProperties: false,
    },
    write: (source) => {
      const value: Record<string, unknown> = {};
      for (const [name, { write }] of entries) {
        const written = write(source);
        if (written !== undefined) value[name] = written;
      }
      return value;
    },
  };
}

const isShape = <E>(element: Shape<E> | JsonSchema): element is Shape<E> =>
  typeof element['write'] === 'function';
