import {
  durationOf,
  durationPattern,
  parseDuration,
  type Duration,
} from '../../core/basics/time.ts';
import { nearest } from '../../core/basics/nearest.ts';
import { parseSize, sizePattern } from '../../core/basics/bytes.ts';
import type { Batch } from '../../core/model/config.ts';
import { orWord, scalar, withAbsent, type ValueType } from './value-type.ts';

// Numbers, sizes, durations and choices: what the values of single keys look like.

export const boolean = scalar<boolean>({ expected: 'true or false', json: { type: 'boolean' } });

export const onlyTrue = scalar<true>({ expected: 'true', json: { const: true } });

export const zeroOrOne = scalar<number, boolean>({
  expected: '0 or 1',
  json: { enum: [0, 1] },
  meaning: (value) => value === 1,
  print: (value) => (value ? 1 : 0),
});

export const whole = (minimum: number, maximum: number) =>
  scalar<number>({
    expected: `a whole number from ${minimum} to ${maximum}`,
    json: { type: 'integer', minimum, maximum },
  });

export const natural = scalar<number>({
  expected: 'a whole number of at least 0',
  json: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
});

export const naturalOrUnlimited = orWord(natural, 'unlimited');

/** A value without any rounding, in the first unit that allows it: `512MB`, `90s`; undefined if none does. */
function exactly(value: number, units: Readonly<Record<string, number>>): string | undefined {
  const fits = (size: number) => value > 0 && value % size === 0 && value / size < 1e9;
  const found = Object.entries(units).find(([, size]) => fits(size));
  return found && `${value / found[1]}${found[0]}`;
}

/** A pattern of texts with a number above 0. */
const aboveZero = ({ source }: RegExp): string => source.replace('^', '^(?=.*[1-9])');

/** A number of bytes; a whole number is one already. */
const sizeOf = (expected: string, least: number): ValueType<number> =>
  scalar<number | string, number>({
    expected,
    json: {
      anyOf: [
        { type: 'integer', minimum: least },
        {
          type: 'string',
          pattern: least > 0 ? aboveZero(sizePattern) : sizePattern.source,
        },
      ],
    },
    meaning: (value) => {
      const bytes = typeof value === 'string' ? parseSize(value) : value;
      return bytes === undefined || bytes < least ? undefined : bytes;
    },
    print: (bytes) => exactly(bytes, { GB: 1024 ** 3, MB: 1024 ** 2, KB: 1024 }) ?? bytes,
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

/** The least in which a shim and a small program live. */
export const memoryMax = sizeOf('a size of at least 1MB, such as 512MB', 1024 ** 2);

/** The kernel shares out time in parts of a millisecond and more. */
export const cores = scalar<number>({
  expected: 'a number of cores from 0.01 to 10000, such as 0.5 or 2',
  json: { type: 'number', minimum: 0.01, maximum: 10_000 },
});

/** A smaller log would be rotated all the time. */
export const rotatedSize = sizeOf('a size of at least 64KB, such as 100MB', 64 * 1024);

export const umask = scalar<string, number>({
  expected: 'three octal digits in quotes, such as "022"',
  json: { type: 'string', pattern: '^0?[0-7]{3}$' },
  meaning: (value) => parseInt(value, 8),
  print: (mask) => mask.toString(8).padStart(3, '0'),
});

const day = durationOf(86_400_000);

const durationFrom = (least: 0 | 1, expected: string, most = day): ValueType<Duration> =>
  scalar<string, Duration>({
    expected,
    json: {
      type: 'string',
      pattern: least > 0 ? aboveZero(durationPattern) : durationPattern.source,
    },
    meaning: (value) => {
      const length = parseDuration(value);
      return length === undefined || length < least || length > most ? undefined : length;
    },
    print: (length) => exactly(length, { h: 3_600_000, m: 60_000, s: 1000 }) ?? `${length}ms`,
  });

export const duration = durationFrom(0, 'a duration of at most 24h, such as 1s, 90s or 15m');

export const positiveDuration = durationFrom(
  1,
  'a duration above 0 and at most 24h, such as 1s, 90s or 15m',
);

export const longDuration = durationFrom(
  1,
  'a duration above 0 and at most 365d, such as 90s, 1h30m or 2d',
  durationOf(365 * day),
);

export const durationOrNever = withAbsent(orWord(longDuration, 'never'), 'never');

export const oneOf = <Word extends string>(words: readonly Word[]) =>
  scalar<Word>({ expected: `one of ${words.join(', ')}`, json: { type: 'string', enum: words } });

/** One of many words, of which no message lists all. */
export const nameOf = <Word extends string>(words: readonly Word[], what: string) => ({
  ...scalar<string, Word>({
    expected: what,
    json: { type: 'string' },
    problem: (value) => {
      const meant = nearest(value, words);
      if (words.some((each) => each === value)) return undefined;
      const hint =
        meant === undefined ? `known are ${words.join(', ')}` : `did you mean "${meant}"?`;
      return { expected: what, found: JSON.stringify(value), hint };
    },
    meaning: (value) => words.find((each) => each === value),
  }),
  json: { type: 'string', enum: words },
});

/** A signal, with or without SIG; the model has it without. */
export const signal = <Name extends string>(
  names: readonly Name[],
  insteadOfKill = '',
): ValueType<Name> => {
  const expected = `one of ${names.join(', ')}`;
  return {
    ...scalar<string, Name>({
      expected,
      json: { type: 'string' },
      problem: (value) =>
        /^(?:SIG)?KILL$/.test(value)
          ? {
              expected,
              found: JSON.stringify(value),
              hint: `KILL ends a process at once, and its job is lost${insteadOfKill}`,
            }
          : undefined,
      meaning: (value) => names.find((each) => each === value || `SIG${each}` === value),
    }),
    json: { type: 'string', enum: [...names, ...names.map((each) => `SIG${each}`)] },
  };
};

export const batch = scalar<number | string, Batch>({
  expected: 'a whole number of at least 1, or a percentage from 1% to 100%',
  json: {
    anyOf: [
      { type: 'integer', minimum: 1 },
      { type: 'string', pattern: '^(?:[1-9]\\d?|100)%$' },
    ],
  },
  meaning: (value) =>
    typeof value === 'number'
      ? { kind: 'count', count: value }
      : { kind: 'percent', percent: parseInt(value, 10) },
  print: (of) => (of.kind === 'count' ? of.count : `${of.percent}%`),
});
