import * as z from 'zod/mini';
import { durationOf, parseDuration } from '../../core/basics/time.ts';
import { shortened } from '../problems.ts';
import { parseSize, sizePattern } from '../../core/basics/bytes.ts';
import { sharedTextProblem, specifierProblem } from '../specifiers.ts';
import { splitWords } from '../shell-words.ts';
import { $constructor } from 'zod/v4/core';

// What single values may look like. Each `error` says what is expected; issues.ts adds what was found. Each is made when it
// is first needed: a schema takes some 20 µs, and most configs need few of them.

// A config is parsed once a run, and to compile a parser for it first costs more than it saves.
z.config({ jitless: true });

/** CI systems kill every process that carries one of these as soon as their job ends. */
export const ciVariables: readonly string[] = [
  'BUILD_ID',
  'JENKINS_NODE_COOKIE',
  'RUNNER_TRACKING_ID',
];

/** A rule that JSON Schema cannot say. Its message is a whole sentence. */
export const rule = <T>(problemOf: (value: T) => string | undefined) =>
  z.check<T>((payload) => {
    const message = problemOf(payload.value);
    if (message === undefined) return;
    payload.issues.push({ code: 'custom', message, input: payload.value, continue: true });
  });

export const text = (pattern: RegExp, error: string) =>
  z.string({ error }).check(z.regex(pattern, { error }));

export const whole = (least: number, most: number) => {
  const error = `a whole number from ${least} to ${most}`;
  return z.int({ error }).check(z.minimum(least, { error }), z.maximum(most, { error }));
};

const naturalOr = (error: string) => z.int({ error }).check(z.minimum(0, { error }));
const notNegative = 'a whole number that is not negative';

export const natural = later(() => naturalOr(notNegative));

export const list = <T extends z.ZodMiniType>(item: T, what: string) =>
  z.array(item, { error: `a list of ${what}` });

export const named = 'a name of letters, digits, _ and - (at most 100, not beginning with -)';

export const namePattern = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,99}$/;

export const name = later(() => text(namePattern, named));

export const identifier = later(() => z.union([name(), naturalOr(named)], { error: named }));

const variable =
  'the name of a variable: letters, digits and _, not beginning with a digit or WORKERCTL_';

export const variableName = later(() => text(/^(?!WORKERCTL_)[A-Za-z_][A-Za-z0-9_]*$/, variable));

export const passedVariable = later(() =>
  variableName().check(
    rule((value) =>
      ciVariables.includes(value)
        ? `${value} must not reach a worker: CI systems kill every process that carries it when their job ends`
        : undefined,
    ),
  ),
);

type ProblemOf = (text: string) => string | undefined;

const word = 'a text or a number (true, false and null only in quotes)';
const wordWith = (problemOf: ProblemOf) =>
  z.union([z.string({ error: word }).check(rule(problemOf)), z.number()], { error: word });

export const textOrNumber = later(() => wordWith(specifierProblem));

const commandWith = (problemOf: ProblemOf) =>
  z.union(
    [
      z.string().check(
        rule((value) => {
          const split = splitWords(value);
          return split.kind === 'problem' ? split.message : problemOf(value);
        }),
      ),
      list(wordWith(problemOf), 'words').check(
        z.minLength(1, { error: 'a list of at least one word' }),
        rule((words) => (words[0] === '' ? 'expected a command, found ""' : undefined)),
      ),
    ],
    { error: 'a command: a text of words, or a list of them' },
  );

export const command = later(() => commandWith(specifierProblem));

/** A command that is one and the same for all instances. */
export const sharedCommand = later(() => commandWith(sharedTextProblem));

const homeProblem = (value: string) =>
  /^~(?:\/|$)/.test(value) ? 'found "~", which is not expanded; write the whole path' : undefined;

const path = (problemOf: ProblemOf) =>
  z
    .string({ error: 'a path' })
    .check(z.minLength(1, { error: 'a path' }), rule(homeProblem), rule(problemOf));
const file = (problemOf: ProblemOf) =>
  path((value) =>
    value.endsWith('/')
      ? 'expected a file, found a folder: the path ends with /'
      : problemOf(value),
  );

export const folderPath = later(() => path(specifierProblem));

export const filePath = later(() => file(specifierProblem));

/** Paths that are one and the same for all instances. */
export const sharedPath = later(() => path(sharedTextProblem));

export const sharedFile = later(() => file(sharedTextProblem));

/** Below this a log would be rotated all the time. */
const leastLog = 64 * 1024;
const logSize = 'a size of at least 64KB, such as 100MB';

export const rotatedSize = later(() =>
  z.union(
    [
      z.int({ error: logSize }).check(z.minimum(leastLog, { error: logSize })),
      text(sizePattern, logSize).check(
        rule((value) =>
          (parseSize(value) ?? leastLog) < leastLog
            ? `expected ${logSize}, found ${value}`
            : undefined,
        ),
      ),
    ],
    { error: logSize },
  ),
);

const size = 'a number of bytes, a size such as 512MB, or unlimited';

export const sizeOrUnlimited = later(() =>
  z.union([naturalOr(size), z.literal('unlimited'), text(sizePattern, size)], { error: size }),
);
const above = 'a number of bytes above 0, a size such as 512MB, or unlimited';

/** A limit that something can keep to. */
export const positiveSizeOrUnlimited = later(() =>
  z.union(
    [
      z.int({ error: above }).check(z.minimum(1, { error: above })),
      z.literal('unlimited'),
      text(/^(?=[\d.]*[1-9])\d{1,9}(?:\.\d{1,3})?(?:B|[KMGT]i?B)$/, above),
    ],
    { error: above },
  ),
);
const many = `${notNegative}, or unlimited`;

export const naturalOrUnlimited = later(() =>
  z.union([naturalOr(many), z.literal('unlimited')], { error: many }),
);

export const umask = later(() =>
  text(/^0?[0-7]{3}$/, 'three octal digits in quotes, such as "022"'),
);

const day = durationOf(86_400_000);
const year = durationOf(365 * day);
const durationLike = (pattern: RegExp, least: number, error: string, most = day) =>
  text(pattern, error).check(
    rule((value) => {
      const length = pattern.test(value) ? parseDuration(value) : undefined;
      const isGood = length === undefined || (length >= least && length <= most);
      return isGood ? undefined : `expected ${error}, found "${value}"`;
    }),
  );
const positive = (error: string, most = day) =>
  durationLike(/^(?=[\d.]*[1-9])\d{1,9}(?:\.\d{1,3})?(?:ms|s|m|h|d)$/, 1, error, most);

const examples = 'such as 1s, 90s or 15m';

export const duration = later(() =>
  durationLike(
    /^\d{1,9}(?:\.\d{1,3})?(?:ms|s|m|h|d)$/,
    0,
    `a duration of at most 24h, ${examples}`,
  ),
);
const positiveLength = `a duration of more than 0 and at most 24h, ${examples}`;

export const positiveDuration = later(() => positive(positiveLength));
const orNever = `${positiveLength}, or never`;

export const durationOrNever = later(() =>
  z.union([positive(orNever), z.literal('never')], { error: orNever }),
);

const age = 'a duration of more than 0 and at most 365d, such as 12h or 7d, or never';

export const ageOrNever = later(() =>
  z.union([positive(age, year), z.literal('never')], { error: age }),
);

/** The engine that will match with it is the one that says what is wrong with it. */
function regexpProblem(pattern: string): string | undefined {
  try {
    RegExp(pattern, 'm');
    return undefined;
  } catch (error) {
    const reason = (error as Error).message.replace(/^[^]*\/m?: /, '');
    return `expected ${anyRegexp}, found ${shortened(JSON.stringify(pattern))}: ${reason}`;
  }
}

const anyRegexp = 'a regular expression';

export const regexp = later(() =>
  z.string({ error: anyRegexp }).check(z.minLength(1, { error: anyRegexp }), rule(regexpProblem)),
);

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
type Shape<Entries> = {
  -readonly [Key in keyof Entries]: SchemaOf<Entries[Key]>;
};

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
