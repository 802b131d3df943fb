import { mapOf } from './lookup.ts';
import { momentOf, durationOf, type Duration, type Moment } from './time.ts';

/** How a value is written as JSON, and read back and checked: both directions from one description. */
export interface Form<T> {
  /** @throws Mismatch */
  readonly read: (json: unknown) => T;
  readonly write: (value: T) => unknown;
}

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [member: string]: JsonValue };

export type JsonSchema = Readonly<Record<string, unknown>>;

/** A form with its JSON Schema. */
export interface DescribedForm<T> extends Form<T> {
  /** What the name of a member of this form ends in. */
  readonly unit?: '_seconds' | '_bytes';
  readonly schema: JsonSchema;
  readonly write: (value: T) => JsonValue;
}

/** JSON that is not of the expected form. */
export class Mismatch extends Error {
  /** Which member it is, what was expected and what was found: `stopped.mail.1.at: expected a moment, found 5`. */
  constructor(
    readonly path: readonly string[],
    readonly expected: string,
    readonly found: unknown,
  ) {
    const words = found === undefined ? 'nothing' : JSON.stringify(found).slice(0, 40);
    const place = path.length === 0 ? '' : `${path.join('.')}: `;
    super(`${place}expected ${expected}, found ${words}`);
  }
}

const mismatch = (expected: string, found: unknown): Mismatch => new Mismatch([], expected, found);

/** Reads a member, and says which one it is if it is not of its form. */
function readMember<T>(name: string, form: Form<T>, json: unknown): T {
  try {
    return form.read(json);
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error;
    throw new Mismatch([name, ...error.path], error.expected, error.found);
  }
}

function plain<T extends string | number | boolean>(
  schema: JsonSchema,
  expected: string,
  isValid: (json: unknown) => json is T,
): DescribedForm<T> {
  return {
    schema,
    read: (json) => {
      if (isValid(json)) return json;
      throw mismatch(expected, json);
    },
    write: (value) => value,
  };
}

export const text = plain(
  { type: 'string' },
  'a text',
  (json): json is string => typeof json === 'string',
);
export const flag = plain(
  { type: 'boolean' },
  'true or false',
  (json): json is boolean => typeof json === 'boolean',
);
export const integer = plain({ type: 'integer' }, 'a whole number', (json): json is number =>
  Number.isSafeInteger(json),
);

/** One of a few words or numbers. */
export const oneOf = <const T extends string | number>(...values: readonly T[]): DescribedForm<T> =>
  plain({ type: typeof values[0], enum: values }, values.join(' or '), (json): json is T =>
    values.some((value) => value === json),
  );

export const anything: Form<unknown> = { read: (json) => json, write: (value) => value };

/** The last moment that a Date can hold. */
const endOfTime = 8.64e15;

/** A moment as RFC 3339 in UTC with milliseconds: `2026-11-21T12:30:01.123Z`. */
export const rfc3339 = (at: number): string => new Date(Math.min(at, endOfTime)).toISOString();

export const moment: DescribedForm<Moment> = {
  schema: { type: 'string', format: 'date-time' },
  read: (json) => {
    const at = typeof json === 'string' ? Date.parse(json) : NaN;
    if (Number.isNaN(at)) throw mismatch('a moment', json);
    return momentOf(at);
  },
  write: rfc3339,
};

/** A length of time: seconds with up to three decimals. */
export const seconds: DescribedForm<Duration> = {
  unit: '_seconds',
  schema: { type: 'number', minimum: 0 },
  read: (json) => {
    if (typeof json !== 'number') throw mismatch('a number of seconds', json);
    return durationOf(Math.round(json * 1000));
  },
  write: (length) => Math.round(length) / 1000,
};

/** A member that may be missing. */
export const optional = <T>(form: Form<T>): Form<T | undefined> => ({
  read: (json) => (json === undefined ? undefined : form.read(json)),
  write: (value) => (value === undefined ? undefined : form.write(value)),
});

export const nullable = <T>(form: Form<T>): Form<T | null> => ({
  read: (json) => (json === null ? null : form.read(json)),
  write: (value) => (value === null ? null : form.write(value)),
});

/** A list; a missing one is empty. */
export const listOf = <T>(form: Form<T>): Form<readonly T[]> => ({
  read: (json = []) => {
    if (!Array.isArray(json)) throw mismatch('a list', json);
    return json.map((one, index) => readMember(String(index), form, one));
  },
  write: (values) => values.map(form.write),
});

/** An object whose names are data, such as instances; a missing one is empty. */
export const byName = <T>(form: Form<T>): Form<Readonly<Record<string, T>>> => ({
  read: (json = {}) =>
    mapOf(Object.entries(asObject(json)).map(([name, one]) => [name, readMember(name, form, one)])),
  write: (values) => mapOf(Object.entries(values).map(([name, one]) => [name, form.write(one)])),
});

/** The name of each member in JSON, and its form. */
export type Members<T> = { readonly [Name in keyof T]-?: readonly [string, Form<T[Name]>] };

/** An object with these members. Others are ignored, and members that are undefined are left out. */
export function object<T extends object>(members: Members<T>): Form<T> {
  const all = Object.entries(members).map(([member, found]) => {
    const [name, form] = found as readonly [string, Form<unknown>];
    return { member, name, form };
  });
  return {
    read: (json) => {
      const given = asObject(json);
      const found: Record<string, unknown> = {};
      for (const { member, name, form } of all) {
        const value = readMember(name, form, given[name]);
        if (value !== undefined) found[member] = value;
      }
      return found as T;
    },
    write: (value) => {
      const given = value as Readonly<Record<string, unknown>>;
      const written: Record<string, unknown> = {};
      for (const { member, name, form } of all) written[name] = form.write(given[member]);
      return written;
    },
  };
}

/** One of several objects, distinguished by `kind`. */
export function oneOfKind<T extends { readonly kind: string }>(forms: {
  readonly [Kind in T['kind']]: Form<Omit<Extract<T, { kind: Kind }>, 'kind'>>;
}): Form<T> {
  const formOf = (kind: unknown): Form<object> => {
    const found = typeof kind === 'string' && Object.hasOwn(forms, kind);
    if (!found) throw new Mismatch(['kind'], Object.keys(forms).join(' or '), kind);
    return forms[kind as T['kind']] as Form<object>;
  };
  return {
    read: (json) => {
      const { kind } = asObject(json);
      return { kind, ...formOf(kind).read(json) } as T;
    },
    write: (value) => ({ kind: value.kind, ...(formOf(value.kind).write(value) as object) }),
  };
}

function asObject(json: unknown): Readonly<Record<string, unknown>> {
  if (typeof json === 'object' && json !== null && !Array.isArray(json))
    return json as Readonly<Record<string, unknown>>;
  throw mismatch('an object', json);
}
