import { looksSecret } from '../basics/secrets.ts';
import type { Mismatch } from '../basics/config-problem.ts';
import { readEnvValue, type Fault, type Lookup } from './env-value.ts';
import { remedyFor, type Assignment } from './env-remedy.ts';

/** What is wrong in an env file, and where; line and column count from 1. */
export interface EnvProblem extends Mismatch {
  readonly line: number;
  readonly column: number;
  /** The variable, if there is one. */
  readonly key?: string;
}

/** What an env file sets. If there are problems, nothing of it may be used. */
export interface EnvFile {
  readonly variables: ReadonlyMap<string, string>;
  readonly problems: readonly EnvProblem[];
}

/** Lines that set nothing: blank ones, comments, and `export` of what is exported anyway. */
const skipped = /[ \t]*(?:#[^\n]*|export(?:[ \t]+[A-Za-z_]\w*)+(?:[ \t]+#[^\n]*|[ \t]*))?(?:\n|$)/y;
const head = /[ \t]*(?<exported>export[ \t]+)?(?<name>[A-Za-z_]\w*)=/y;

/**
 * The variables of an env file: what sh makes of them with `set -a; . FILE`, as far as it holds plain assignments. All else
 * is a problem, as is what one shell reads differently from another. Two things are not as in sh: a byte order mark and a CR
 * before a line break are dropped. `before` are the variables that are set already.
 */
export function parseEnvFile(written: string, before: ReadonlyMap<string, string>): EnvFile {
  const text = written.replace(/^\uFEFF/, '').replace(/\r(?=\n|$)/g, '');
  const variables = new Map<string, string>();
  const problems: EnvProblem[] = [];
  const lookup: Lookup = (name) => variables.get(name) ?? before.get(name);
  const refuse = (at: number, mismatch: Omit<EnvProblem, 'line' | 'column'>): void => {
    const lines = text.slice(0, at).split('\n');
    const column = (lines.at(-1) ?? '').length + 1;
    problems.push({ line: lines.length, column, ...mismatch });
  };
  for (let at = 0; at < text.length;) {
    skipped.lastIndex = head.lastIndex = at;
    if (skipped.test(text)) {
      at = skipped.lastIndex;
      continue;
    }
    const found = head.exec(text)?.groups;
    if (found?.['name'] === undefined) {
      const [line = ''] = text.slice(at).split('\n', 1);
      refuse(at + line.search(/[^ \t]/), noAssignment(line.trim()));
      at += line.length + 1;
      continue;
    }
    const isExported = found['exported'] !== undefined;
    const { value, start, end, fault } = readEnvValue(text, head.lastIndex, lookup, isExported);
    const { name } = found;
    if (fault !== undefined)
      refuse(
        fault.at,
        mismatchOf(fault, { isExported, name, raw: text.slice(start, end) }, lookup),
      );
    variables.set(name, value);
    at = end;
  }
  return { variables, problems };
}

function mismatchOf({ expected, found, advice }: Fault, assignment: Assignment, lookup: Lookup) {
  const remedy = remedyFor(assignment, lookup);
  return {
    key: assignment.name,
    ...(expected !== undefined && { expected }),
    found: looksSecret(assignment.name, assignment.raw)
      ? found.replace(/^\$\w+/, 'a variable')
      : found,
    hint: advice === undefined ? remedy : `${advice}; for these very characters, ${remedy}`,
  };
}

/** Why a line is no assignment. It is not quoted: it may be a part of a key or a certificate. */
function noAssignment(line: string): Omit<EnvProblem, 'line' | 'column'> {
  const apart = /^(export[ \t]+)?([A-Za-z_]\w*)(?:[ \t]+=|[ \t]*:[ \t])[ \t]*(.*)$/.exec(line);
  if (apart !== null) {
    const [, exported, name = '', raw = ''] = apart;
    const remedy = remedyFor({ isExported: exported !== undefined, name, raw }, () => undefined);
    return { key: name, expected: '"=" directly after the name', found: 'none', hint: remedy };
  }
  const name = /^(?:export[ \t]+)?([\w.+[\]-]{1,40})=(?!=?$)/.exec(line)?.[1];
  if (name !== undefined)
    return {
      expected: 'a name of letters, digits and _, not beginning with a digit',
      found: JSON.stringify(name),
    };
  return {
    expected: 'NAME=value',
    found: 'something else',
    hint: 'only assignments and comments are allowed; a value of several lines needs quotes',
  };
}
