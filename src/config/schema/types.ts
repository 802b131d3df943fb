import { resolve } from 'node:path';
import { durationOf, parseDuration, type Duration } from '../../core/basics/time.ts';
import { parseSize, sizePattern } from '../../core/basics/bytes.ts';
import type { Batch } from '../../core/model/config.ts';
import type { Mismatch } from '../../core/basics/config-problem.ts';
import { shortened } from '../problems.ts';
import { splitWords } from '../shell-words.ts';
import {
  escapedSpecifiers,
  specifierProblem,
  unescapedSpecifiers,
  type Scope,
} from '../specifiers.ts';
import {
  listOf,
  orWord,
  report,
  reportOther,
  scalarType,
  withAbsent,
  type ValueType,
} from './value-type.ts';

// What the values of single keys look like.

/** CI systems kill every process that carries one of these as soon as their job ends. */
const ciVariables: readonly unknown[] = ['BUILD_ID', 'JENKINS_NODE_COOKIE', 'RUNNER_TRACKING_ID'];

export const boolean = scalarType({
  expected: 'true or false',
  json: { type: 'boolean' },
  meaning: (value) => (typeof value === 'boolean' ? { value } : undefined),
});

export const onlyTrue = scalarType<true>({
  expected: 'true',
  json: { const: true },
  meaning: (value) => (value === true ? { value } : undefined),
});

export const zeroOrOne = scalarType({
  expected: '0 or 1',
  json: { enum: [0, 1] },
  meaning: (value) => (value === 0 || value === 1 ? { value: value === 1 } : undefined),
  print: (value) => (value ? 1 : 0),
});

const integer = (expected: string, minimum: number, maximum = Number.MAX_SAFE_INTEGER) =>
  scalarType({
    expected,
    json: { type: 'integer', minimum, maximum },
    meaning: (value) =>
      typeof value === 'number' && Number.isInteger(value) && value >= minimum && value <= maximum
        ? { value }
        : undefined,
  });

export const whole = (least: number, most: number) =>
  integer(`a whole number from ${least} to ${most}`, least, most);

export const natural = integer('a whole number of at least 0', 0);

export const naturalOrUnlimited = orWord(natural, 'unlimited');

/** A string that matches; the JSON Schema has the same pattern. */
const pattern = (regexp: RegExp, expected: string) =>
  scalarType({
    expected,
    json: { type: 'string', pattern: regexp.source },
    meaning: (value) => (typeof value === 'string' && regexp.test(value) ? { value } : undefined),
  });

const namePattern = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,99}$/;

export const name = pattern(
  namePattern,
  'a name of letters, digits, _ and - (at most 100, not beginning with -)',
);

/** A number is the name that it is written as: `007` is not `7`. */
export const identifier: ValueType<string> = scalarType({
  expected: name.expected,
  json: { anyOf: [name.json, natural.json] },
  meaning: (value, source) => {
    const text = typeof value === 'number' ? source : value;
    return typeof text === 'string' && namePattern.test(text) ? { value: text } : undefined;
  },
});

export const variableName = pattern(
  /^(?!WORKERCTL_)[A-Za-z_][A-Za-z0-9_]*$/,
  'the name of a variable: letters, digits and _, not beginning with a digit or WORKERCTL_',
);

export const passedVariable = scalarType({
  expected: variableName.expected,
  json: { ...variableName.json, not: { enum: ciVariables } },
  meaning: (value) => {
    const found = `${String(value)}, which no worker may have`;
    const hint = 'CI systems kill every process that has it when their job ends';
    if (ciVariables.includes(value)) return { wrong: { found, hint } };
    const isName = typeof value === 'string' && /^(?!WORKERCTL_)[A-Za-z_]\w*$/.test(value);
    return isName ? { value } : undefined;
  },
});

/** A string, or a number as it is written: `1.0` stays `1.0`. */
const word = (scope: Scope): ValueType<string> =>
  scalarType({
    expected: 'a string or a number (true, false and null only in quotes)',
    json: { type: ['string', 'number'] },
    scope,
    meaning: (value, source) => {
      if (typeof value === 'number') return { value: source };
      return typeof value === 'string' ? checked(value, specifierProblem(value, scope)) : undefined;
    },
  });

const checked = <Value>(value: Value, wrong: Mismatch | undefined) =>
  wrong === undefined ? { value } : { wrong };

export const instanceText = word('instance');

/** The words of a command. A string is split as a shell would. */
function commandIn(scope: Scope): ValueType<readonly string[]> {
  const expected = 'a command (a string, or a list of words)';
  const words = listOf(word(scope), 'words');
  return {
    expected,
    json: { anyOf: [{ type: 'string' }, { ...words.json, minItems: 1 }] },
    scope,
    read(slot, reading) {
      const { found, offset } = slot;
      if (found.kind === 'list') {
        if (found.items.length === 0) return reportOther(reading, slot, 'at least one word');
        const list = words.read(slot, reading);
        return list?.[0] === '' ? report(reading, offset, noCommand) : unescaped(list, scope);
      }
      if (found.kind === 'map' || typeof found.value !== 'string')
        return reportOther(reading, slot, expected);
      const split = splitWords(found.value);
      if (split.kind === 'problem') return report(reading, offset, split.problem);
      const problem = specifierProblem(found.value, scope);
      return problem ? report(reading, offset, problem) : unescaped(split.words, scope);
    },
    print: (list) => (scope === 'config' ? list.map(escapedSpecifiers) : list),
  };
}

const noCommand = { expected: 'a command', found: '""' };

/** A text that is the same for all instances is in the model without doubled percent signs. */
const unescaped = (words: readonly string[] | null, scope: Scope) =>
  scope === 'config' && words !== null ? words.map(unescapedSpecifiers) : words;

export const command = commandIn('instance');

/** A command that runs for all instances of a worker at once. */
export const workerCommand = commandIn('worker');

/** A command that is the same for all workers. */
export const sharedCommand = commandIn('config');

/** Relative paths start at the folder of the config; symlinks are kept. */
const pathIn = (scope: Scope, what: 'path' | 'file'): ValueType<string> =>
  scalarType({
    expected: what === 'file' ? 'the path of a file' : 'a path',
    json: { type: 'string', minLength: 1 },
    scope,
    meaning: (value, _source, { base }) => {
      if (typeof value !== 'string' || value === '') return undefined;
      const wrong = pathProblem(value, what) ?? specifierProblem(value, scope);
      if (wrong !== undefined) return { wrong };
      // The percent signs of the folder itself mean themselves.
      return scope === 'config'
        ? { value: resolve(base, unescapedSpecifiers(value)) }
        : { value: resolve(escapedSpecifiers(base), value) };
    },
    print: (path) => (scope === 'config' ? escapedSpecifiers(path) : path),
  });

function pathProblem(value: string, what: 'path' | 'file'): Mismatch | undefined {
  if (/^~(?:\/|$)/.test(value))
    return { found: '"~", which is not expanded', hint: 'write the whole path' };
  return what === 'file' && value.endsWith('/')
    ? {
        expected: 'the path of a file',
        found: shortened(JSON.stringify(value)),
        hint: 'a path that ends with / names a folder',
      }
    : undefined;
}

export const folderPath = pathIn('instance', 'path');

export const filePath = pathIn('instance', 'file');

export const sharedPath = pathIn('config', 'path');

export const sharedFile = pathIn('config', 'file');

const aboveZero = '(?=[\\d.]*[1-9])';

/** A number of bytes; a whole number is one already. */
const sizeOf = (expected: string, least: number): ValueType<number> =>
  scalarType({
    expected,
    json: {
      anyOf: [
        { type: 'integer', minimum: least },
        {
          type: 'string',
          pattern:
            least > 0 ? sizePattern.source.replace('^', `^${aboveZero}`) : sizePattern.source,
        },
      ],
    },
    meaning: (value) => {
      const bytes = typeof value === 'string' ? parseSize(value) : value;
      const isGood = typeof bytes === 'number' && Number.isInteger(bytes) && bytes >= least;
      return isGood ? { value: bytes } : undefined;
    },
    print: exactSize,
  });

export const sizeOrUnlimited = orWord(
  sizeOf('a number of bytes, a size such as 512MB', 0),
  'unlimited',
);

/** A limit that something can stay below. */
export const positiveSizeOrUnlimited = withAbsent(
  orWord(sizeOf('a number of bytes above 0, a size such as 512MB', 1), 'unlimited'),
  'unlimited',
);

/** A smaller log would be rotated all the time. */
export const rotatedSize = sizeOf('a size of at least 64KB, such as 100MB', 64 * 1024);

export const umask = scalarType({
  expected: 'three octal digits in quotes, such as "022"',
  json: { type: 'string', pattern: '^0?[0-7]{3}$' },
  meaning: (value) =>
    typeof value === 'string' && /^0?[0-7]{3}$/.test(value)
      ? { value: parseInt(value, 8) }
      : undefined,
  print: (mask) => mask.toString(8).padStart(3, '0'),
});

const day = durationOf(86_400_000);

const durationFrom = (least: 0 | 1, expected: string, most = day): ValueType<Duration> =>
  scalarType({
    expected,
    json: {
      type: 'string',
      pattern: `^${least > 0 ? aboveZero : ''}\\d{1,9}(?:\\.\\d{1,3})?(?:ms|s|m|h|d)$`,
    },
    meaning: (value) => {
      const length = typeof value === 'string' ? parseDuration(value) : undefined;
      const isGood = length !== undefined && length >= least && length <= most;
      return isGood ? { value: length } : undefined;
    },
    print: exactDuration,
  });

export const duration = durationFrom(0, 'a duration of at most 24h, such as 1s, 90s or 15m');

export const positiveDuration = durationFrom(
  1,
  'a duration above 0 and at most 24h, such as 1s, 90s or 15m',
);

export const durationOrNever = withAbsent(orWord(positiveDuration, 'never'), 'never');

export const ageOrNever = withAbsent(
  orWord(
    durationFrom(
      1,
      'a duration above 0 and at most 365d, such as 12h or 7d',
      durationOf(365 * day),
    ),
    'never',
  ),
  'never',
);

export const oneOf = <Word extends string>(words: readonly Word[]) =>
  scalarType<Word>({
    expected: `one of ${words.join(', ')}`,
    json: { type: 'string', enum: words },
    meaning: (value) => {
      const found = words.find((each) => each === value);
      return found === undefined ? undefined : { value: found };
    },
  });

/** A signal, with or without SIG; the model has it without. */
export const signal = <Name extends string>(names: readonly Name[]) =>
  scalarType<Name>({
    expected: `one of ${names.join(', ')}`,
    json: { type: 'string', enum: [...names, ...names.map((each) => `SIG${each}`)] },
    meaning: (value) => {
      const found = names.find((each) => each === value || `SIG${each}` === value);
      return found === undefined ? undefined : { value: found };
    },
  });

export const batch = scalarType<Batch>({
  expected: 'a whole number of at least 1, or a percentage from 1% to 100%',
  json: {
    anyOf: [
      { type: 'integer', minimum: 1 },
      { type: 'string', pattern: '^(?:[1-9]\\d?|100)%$' },
    ],
  },
  meaning: (value) => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1)
      return { value: { kind: 'count', count: value } };
    return typeof value === 'string' && /^(?:[1-9]\d?|100)%$/.test(value)
      ? { value: { kind: 'percent', percent: parseInt(value, 10) } }
      : undefined;
  },
  print: (of) => (of.kind === 'count' ? of.count : `${of.percent}%`),
});

export const regexp = scalarType({
  expected: 'a regular expression',
  json: { type: 'string', minLength: 1 },
  meaning: (value) => {
    if (typeof value !== 'string' || value === '') return undefined;
    return checked(value, regexpProblem(value));
  },
});

/** The engine that will match with it is the one that says what is wrong with it. */
function regexpProblem(source: string): Mismatch | undefined {
  try {
    RegExp(source, 'm');
    return undefined;
  } catch (error) {
    const hint = (error as Error).message.replace(/^[^]*\/m?: /, '');
    return { expected: 'a regular expression', found: shortened(JSON.stringify(source)), hint };
  }
}

const exactly = (value: number, units: readonly (readonly [string, number])[]) => {
  const fits = (size: number) => value > 0 && value % size === 0 && value / size < 1e9;
  const [unit, size] = units.find(([, each]) => fits(each)) ?? ['', 1];
  return { number: value / size, unit };
};

/** A size without any rounding: `512MB`, or a number of bytes. */
function exactSize(bytes: number): number | string {
  const { number, unit } = exactly(bytes, [
    ['GB', 1024 ** 3],
    ['MB', 1024 ** 2],
    ['KB', 1024],
  ]);
  return unit === '' ? bytes : `${number}${unit}`;
}

/** A length without any rounding, in the largest unit that allows it: `1s`, `90s`, `1500ms`. */
function exactDuration(length: Duration): string {
  const { number, unit } = exactly(length, [
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
  ]);
  return `${number}${unit === '' ? 'ms' : unit}`;
}
