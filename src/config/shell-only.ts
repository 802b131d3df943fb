import type { Mismatch } from '../core/basics/config-problem.ts';
import { lookup } from '../core/basics/lookup.ts';

// What means something to a shell only, in values that no shell reads.

export const tildeProblem: Mismatch = {
  found: '"~", which is not expanded',
  hint: 'write the whole path',
};

/** A pattern that a shell would replace with the names of files, or with several words. */
export const patternIn = (text: string): string | undefined =>
  /[*?]|\[[^\]]+\]|\{[^{}]*(?:,|\.\.)[^{}]*\}/.exec(text)?.[0];

/** What a shell would replace in a text: variables, substitutions, a leading `~`. */
export function expansionProblem(text: string, hint: string): Mismatch | undefined {
  if (/(?:^|:)~(?:[/:]|$)|^~[A-Za-z_][\w.-]*\//.test(text)) return tildeProblem;
  const found = /\$(?:\{[^}]*\}?|\(|[A-Za-z_]\w*)|`[^`]*`/.exec(text)?.[0];
  if (found === undefined) return undefined;
  const shown = found === '$(' ? '$(...)' : found.startsWith('`') ? '`...`' : found;
  return { found: `${shown}, which is not expanded`, hint };
}

/** What to write in place of a command that only a shell has. */
const insteadOf: Readonly<Record<string, string>> = {
  exec: 'leave it out: the program is run directly',
  cd: 'set directory, and leave it out',
  export: 'put the variables under env',
  source: 'put variables into env_files',
  '.': 'put variables into env_files',
  ulimit: 'set limits',
  umask: 'set umask',
};

const onlyInShells = (
  'alias bg break builtin case command continue declare eval exit fc fg for function hash if jobs let local ' +
  'read readonly return select set shift shopt trap type typeset unset until wait while { ! :'
).split(' ');

/** What is wrong with the first word of a command. */
export function programProblem(program: string): Mismatch | undefined {
  const path = pathProgramProblem(program);
  if (path !== undefined) return path;
  const instead = lookup(insteadOf, program);
  if (instead === undefined && !onlyInShells.includes(program)) return undefined;
  return {
    expected: 'a program',
    found: `"${program}", which only a shell has`,
    hint: `${instead ?? 'no shell runs here'}, or use [sh, -c, "..."]`,
  };
}

const pathProgramProblem = (program: string): Mismatch | undefined =>
  /^(?:~|\$\w|\$\{)/.test(program) ? expansionProblem(program, 'write the whole path') : undefined;
