import { join } from 'node:path';
import type { Mismatch } from '../core/basics/config-problem.ts';

/** What a text is for, and with it the specifiers that it may hold. */
export type Scope = 'instance' | 'worker' | 'config';

/** `%i` identifier, `%p` worker, `%n` instance, `%H` host name. In all scopes `%%` is a percent sign. */
export const specifiersIn: Readonly<Record<Scope, readonly string[]>> = {
  instance: ['%i', '%p', '%n', '%H'],
  worker: ['%p', '%H'],
  config: [],
};

const percentHint = 'write %% for a percent sign';
const noneHint: Readonly<Record<Scope, string>> = {
  instance: `known are ${specifiersIn.instance.join(' ')}, and %% for a percent sign`,
  worker: 'the command runs once for all instances',
  config: `the value is the same for all instances; ${percentHint}`,
};

/** What is wrong with the specifiers of a text, or undefined. */
export function specifierProblem(text: string, scope: Scope): Mismatch | undefined {
  for (const [match] of text.matchAll(/%[^]?/g)) {
    if (match === '%%' || specifiersIn[scope].includes(match)) continue;
    if (match === '%') return { found: 'a single % at the end', hint: percentHint };
    if (scope === 'config')
      return { found: `${match}, which has no meaning here`, hint: noneHint.config };
    return specifiersIn.instance.includes(match)
      ? { found: `${match}, which has no meaning here`, hint: noneHint[scope] }
      : { found: `the unknown specifier ${match}`, hint: noneHint.instance };
  }
  return undefined;
}

/** `text` so that its percent signs mean themselves. */
export const escapedSpecifiers = (text: string): string => text.replace(/%/g, '%%');

/** Where pidfiles are by default, as `pidfile` of a worker has it. */
export const usualPidfile = (stateDir: string): string =>
  join(escapedSpecifiers(stateDir), '%n.pid');

/** `text` of which every doubled percent sign is one; for a text that holds no specifiers. */
export const unescapedSpecifiers = (text: string): string => text.replace(/%%/g, '%');
