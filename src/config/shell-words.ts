import type { Mismatch } from '../core/basics/config-problem.ts';
import { patternIn, programProblem, tildeProblem } from './shell-only.ts';

/** The words of a command, or why it cannot be split. */
export type Split =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'problem'; readonly problem: Mismatch };

const token =
  /(?<space>\s+)|(?<joined>\\\n)|\\(?<escaped>[^])|'(?<single>[^']*)'|"(?<double>(?:[^"\\]|\\[^])*)"|(?<plain>[^\s'"\\|&;<>()`$]+)|(?<dollar>\$(?![\w{(@*#?$!-]|\\\n))/y;

/** Almost all commands are nothing but words: to skip the tokens saves 1 ms. */
const onlyWords = /^[\w./:@%+,-]+(?: [\w./:@%+,=-]+)*$/;

const expansion = /`|\$(?:\(|\{[^}]*\}?|\w+|[@*#?$!-])/;

const needsShell = (found: string): Mismatch => ({
  found,
  hint: 'no shell runs here: quote it, or use [sh, -c, "exec ..."]',
});

/**
 * Splits a command into words as sh would, quotes and backslashes honoured, but without a shell: what only a
 * shell could do (operators, variables, substitutions, `~`, assignments) is a problem and never passed on.
 */
export function splitWords(command: string): Split {
  const text = command.trim();
  if (onlyWords.test(text)) return asWords(text.split(' '));
  const words: string[] = [];
  let word: string | undefined;
  /** The word with a letter for all that is quoted. */
  let bare = '';
  for (let at = 0; at < text.length; at = token.lastIndex) {
    token.lastIndex = at;
    const groups = token.exec(text)?.groups;
    if (groups === undefined) return { kind: 'problem', problem: problemAt(text.slice(at)) };
    const problem = tokenProblem(groups, word === undefined, words.length === 0);
    if (problem !== undefined) return { kind: 'problem', problem };
    const meaning = meaningOf(groups);
    if (meaning !== undefined) {
      word = (word ?? '') + meaning;
      bare += groups['plain'] ?? 'x';
    }
    if (token.lastIndex < text.length && groups['space'] === undefined) continue;
    const pattern = patternIn(bare);
    if (pattern !== undefined) return { kind: 'problem', problem: needsShell(`"${pattern}"`) };
    if (word !== undefined) words.push(word);
    [word, bare] = [undefined, ''];
  }
  return asWords(words);
}

function asWords(words: readonly string[]): Split {
  const problem = words[0] ? programProblem(words[0]) : noCommand;
  return problem === undefined ? { kind: 'words', words } : { kind: 'problem', problem };
}

const noCommand: Mismatch = { expected: 'a command', found: 'none' };

type Groups = Readonly<Record<string, string | undefined>>;

/** What a token adds to its word; undefined for the space between words and a line that continues. */
function meaningOf({ escaped, single, double, plain, dollar }: Groups): string | undefined {
  if (double === undefined) return escaped ?? single ?? plain ?? dollar;
  return double.replace(/\\(["\\$`\n])/g, (_, character: string) =>
    character === '\n' ? '' : character,
  );
}

/** Why the rest of a command does not begin with a token. */
function problemAt(rest: string): Mismatch {
  const first = rest[0] ?? '';
  if (first === '"' || first === "'")
    return { expected: `a closing ${first}`, found: `none after ${excerpt(rest)}` };
  if (first === '\\') return { expected: 'a character after the last backslash', found: 'nothing' };
  const operator = /^(?:\|\||&&|>>|<<|[|&;<>()])/.exec(rest)?.[0];
  return operator === undefined ? notExpanded(rest) : needsShell(`"${operator}"`);
}

/** What is wrong with a token that is complete. */
function tokenProblem(
  { space, double, plain }: Groups,
  beginsWord: boolean,
  isFirstWord: boolean,
): Mismatch | undefined {
  if (space?.includes('\n')) return needsShell('a line break');
  const unescaped = double?.replace(/\\[^]/g, '') ?? '';
  if (expansion.test(unescaped)) return notExpanded(unescaped);
  if (plain === undefined || !beginsWord) return undefined;
  if (plain.startsWith('#')) return needsShell('"#", which begins a comment');
  if (/^~(?:[A-Za-z_][\w.-]*)?(?:\/|$)/.test(plain)) return tildeProblem;
  const assigned = isFirstWord ? /^([A-Za-z_]\w*)=/.exec(plain)?.[1] : undefined;
  if (assigned === undefined) return undefined;
  return {
    found: `"${assigned}=" before the command`,
    hint: `no shell runs here: put ${assigned} under env`,
  };
}

function notExpanded(text: string): Mismatch {
  const found = expansion.exec(text)?.[0] ?? text;
  const what = found === '`' ? '`...`' : found === '$(' ? '$(...)' : found;
  return {
    found: `${what}, which is not expanded`,
    hint: 'no shell runs here: put it into single quotes, or use [sh, -c, "exec ..."]',
  };
}

const excerpt = (text: string): string => (text.length <= 20 ? text : `${text.slice(0, 17)}...`);
