import * as forms from '../../core/basics/json-form.ts';
import type { DescribedForm, JsonSchema } from '../../core/basics/json-form.ts';

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

/** Where a value comes from: a member of the source, by its name, or a function. */
type From<T, V> = KeyOf<T, V> | ((source: T) => V | undefined);
type Key<T> = keyof T & string;
type KeyOf<T, V> = {
  [Name in Key<T>]-?: T[Name] extends V | undefined ? Name : never;
}[Key<T>];

/** A member of this form; null if there is no value. */
const member =
  <V>(form: Omit<DescribedForm<V>, 'read'>) =>
  <T>(about: string, from: From<T, V>): Member<T> => ({
    schema: { ...form.schema, description: about },
    isRequired: true,
    write: (source) => {
      const value = typeof from === 'function' ? from(source) : (source[from] as V | undefined);
      return value === undefined ? null : form.write(value);
    },
  });

export const text = member(forms.text);
export const integer = member(forms.integer);
export const flag = member(forms.flag);
export const texts = member<readonly string[]>({
  schema: { type: 'array', items: forms.text.schema },
  write: (values) => values,
});
/** From milliseconds; the name of the member ends in `_seconds`. */
export const seconds = member(forms.seconds);
export const moment = member(forms.moment);
/** Any JSON object, described elsewhere. */
export const anyObject = member<object>({
  schema: { type: 'object' },
  write: (value) => value as never,
});

export const oneOf = <V extends string>(...words: readonly V[]) => member(forms.oneOf(...words));

export const list = <E>(element: Shape<E> | JsonSchema) =>
  member<readonly E[]>({
    schema: { type: 'array', items: isShape(element) ? element.schema : element },
    write: (values) =>
      (isShape(element) ? values.map((value) => element.write(value)) : values) as never,
  });

export const object = <V>({ schema, write }: Shape<V>) =>
  member<V>({ schema, write: (value) => write(value) as never });

/** An object with one member of this schema per name. */
export const mapOf = (values: JsonSchema) =>
  member<Readonly<Record<string, forms.JsonValue>>>({
    schema: { type: 'object', additionalProperties: values },
    write: (value) => value,
  });

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
