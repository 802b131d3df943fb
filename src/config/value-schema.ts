import * as z from 'zod/mini';
import { durationOf, parseDuration } from '../core/time.ts';
import { later } from './map-schema.ts';
import { shortened } from './problem.ts';
import { parseSize, sizePattern } from './size.ts';
import { sharedTextProblem, specifierProblem } from './specifiers.ts';
import { splitWords } from './words.ts';

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
