import { resolve } from 'node:path';
import type { Mismatch } from '../../core/basics/config-problem.ts';
import { shortened } from '../problems.ts';
import { endlessProblem } from './linear-pattern.ts';
import { expansionProblem, patternIn, programProblem } from '../shell-only.ts';
import { splitWords } from '../shell-words.ts';
import {
  escapedSpecifiers,
  specifierProblem,
  unescapedSpecifiers,
  type Scope,
} from '../specifiers.ts';
import { natural } from './scalars.ts';
import { listOf, report, reportOther, scalar, type ValueType } from './value-type.ts';

// Names, words, commands, paths and regular expressions: what the values of single keys look like.

/** CI systems kill every process that carries one of these as soon as their job ends. */
const ciVariables: readonly string[] = ['BUILD_ID', 'JENKINS_NODE_COOKIE', 'RUNNER_TRACKING_ID'];

const pattern = (regexp: RegExp, expected: string) =>
  scalar<string>({ expected, json: { type: 'string', pattern: regexp.source } });

const namePattern = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,99}$/;

export const name = pattern(
  namePattern,
  'a name of letters, digits, _ and - (at most 100, not beginning with -)',
);

/** A number is the name that it is written as: `007` is not `7`. */
export const identifier: ValueType<string> = {
  ...scalar<string | number, string>({
    expected: name.expected,
    json: { type: ['string', 'number'] },
    meaning: (value, source) => {
      const text = typeof value === 'number' ? source : value;
      return namePattern.test(text) ? text : undefined;
    },
  }),
  json: { anyOf: [name.json, natural.json] },
};

/** A user or a group, by its name or its number. */
export const account = (what: 'user' | 'group'): ValueType<string> => {
  const names = /^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}\$?$/;
  return {
    ...scalar<string | number, string>({
      expected: `the name or number of a ${what}`,
      json: { type: ['string', 'number'] },
      meaning: (value, source) => {
        const text = typeof value === 'number' ? source : value;
        return names.test(text) ? text : undefined;
      },
    }),
    json: { anyOf: [{ type: 'string', pattern: names.source }, natural.json] },
  };
};

export const variableName = pattern(
  /^(?!WORKERCTL_)[A-Za-z_][A-Za-z0-9_]*$/,
  'the name of a variable: letters, digits and _, not beginning with a digit or WORKERCTL_',
);

export const passedVariable: ValueType<string> = {
  ...scalar<string>({
    expected: variableName.expected,
    json: variableName.json,
    problem: (value) =>
      ciVariables.includes(value)
        ? {
            found: `${value}, which no worker may have`,
            hint: 'CI systems kill every process that has it when their job ends',
          }
        : undefined,
  }),
  json: { ...variableName.json, not: { enum: ciVariables } },
};

/** A string, or a number as it is written: `1.0` stays `1.0`. */
const word = (
  scope: Scope,
  problem: (value: string) => Mismatch | undefined = () => undefined,
): ValueType<string> =>
  scalar<string | number, string>({
    expected: 'a string or a number (true, false and null only in quotes)',
    json: { type: ['string', 'number'] },
    scope,
    problem: (value) =>
      typeof value === 'string' ? (problem(value) ?? specifierProblem(value, scope)) : undefined,
    meaning: (value, source) => (typeof value === 'number' ? source : value),
  });

/** The value of a variable. What looks as if a shell should replace it is refused: nothing would replace it. */
export const variableValue = word('instance', (value) =>
  expansionProblem(
    value,
    'write the value itself, or use env_files, where variables are expanded except in single quotes',
  ),
);

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
        const problem = list?.[0] === '' ? noCommand : programProblem(list?.[0] ?? '');
        return problem ? report(reading, offset, problem) : unescaped(list, scope);
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

/** Relative paths start at the directory of the config; symlinks are kept. */
const pathIn = (scope: Scope, what: 'path' | 'file'): ValueType<string> =>
  scalar<string>({
    expected: what === 'file' ? 'the path of a file' : 'a path',
    json: { type: 'string', minLength: 1 },
    scope,
    problem: (value) => pathProblem(value, what) ?? specifierProblem(value, scope),
    // The percent signs of the directory itself mean themselves.
    meaning: (value, _source, base) =>
      scope === 'config'
        ? resolve(base, unescapedSpecifiers(value))
        : resolve(escapedSpecifiers(base), value),
    print: (path) => (scope === 'config' ? escapedSpecifiers(path) : path),
  });

function pathProblem(value: string, what: 'path' | 'file'): Mismatch | undefined {
  const unexpanded = expansionProblem(value, 'write the whole path');
  if (unexpanded !== undefined) return unexpanded;
  const pattern = patternIn(value);
  if (pattern !== undefined && !pattern.startsWith('['))
    return { found: `"${pattern}", which is not expanded`, hint: 'write the whole path' };
  return what === 'file' && value.endsWith('/')
    ? {
        expected: 'the path of a file',
        found: shortened(JSON.stringify(value)),
        hint: 'a path that ends with / names a directory',
      }
    : undefined;
}

export const folderPath = pathIn('instance', 'path');

export const filePath = pathIn('instance', 'file');

export const sharedPath = pathIn('config', 'path');

export const sharedFile = pathIn('config', 'file');

export const regexp = scalar<string>({
  expected: 'a regular expression',
  json: { type: 'string', minLength: 1 },
  problem: regexpProblem,
});

const badRegexp = (source: string, hint: string): Mismatch => ({
  expected: 'a regular expression',
  found: shortened(JSON.stringify(source)),
  hint,
});

/**
 * Other flags than those that the pattern is matched with: since version 14 (Node.js 26) V8 keeps how it will match a pattern
 * from the first time that it sees it with these flags, and that must be after `compilePattern` has limited it.
 */
const neverMatched = 'mg';

/**
 * Why a text is no regular expression that workerctl matches with; undefined if it is one. The engine that will match with it
 * is the one that says what is wrong with it.
 */
export function regexpProblem(source: string): Mismatch | undefined {
  try {
    RegExp(source, neverMatched);
  } catch (error) {
    return badRegexp(source, (error as Error).message.replace(/^[^]*\/[a-z]*: /, ''));
  }
  const problem = endlessProblem(source);
  return problem === undefined ? undefined : badRegexp(source, problem);
}
