/** The words of a command, or why it cannot be split. */
export type Split =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'problem'; readonly message: string };

const token =
  /(?<space>\s+)|(?<joined>\\\n)|\\(?<escaped>[^])|'(?<single>[^']*)'|"(?<double>(?:[^"\\]|\\[^])*)"|(?<plain>[^\s'"\\|&;<>`$]+)|(?<dollar>\$(?![\w{(@*#?$!-]|\\\n))/y;

/** Nothing but words, as almost all commands are: the tokens need not be looked at (1 ms less at the start). */
const onlyWords = /^[\w./:@%+,-]+(?: [\w./:@%+,=-]+)*$/;

const expansion = /`|\$(?:\(|\{[^}]*\}?|\w+|[@*#?$!-])/;
const useShell = 'no shell runs here: quote it, or use [sh, -c, "exec ..."]';

const problem = (message: string): Split => ({ kind: 'problem', message });

/**
 * Splits a command into words as sh would, quotes and backslashes honoured, but without a shell: what only a
 * shell could do (operators, variables, substitutions, `~`, assignments) is a problem and never passed on.
 */
export function splitWords(command: string): Split {
  const text = command.trim();
  if (onlyWords.test(text)) return { kind: 'words', words: text.split(' ') };
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < text.length; at = token.lastIndex) {
    token.lastIndex = at;
    const groups = token.exec(text)?.groups;
    if (groups === undefined) return problem(troubleAt(text.slice(at)));
    const trouble = troubleIn(groups, word === undefined, words.length === 0);
    if (trouble !== undefined) return problem(trouble);
    const meaning = meaningOf(groups);
    if (meaning !== undefined) word = (word ?? '') + meaning;
    if (groups['space'] === undefined || word === undefined) continue;
    words.push(word);
    word = undefined;
  }
  if (word !== undefined) words.push(word);
  return words[0] ? { kind: 'words', words } : problem('expected a command, found none');
}

type Groups = Readonly<Record<string, string | undefined>>;

/** What a token adds to its word; undefined for the space between words and a line that goes on. */
function meaningOf({ escaped, single, double, plain, dollar }: Groups): string | undefined {
  if (double === undefined) return escaped ?? single ?? plain ?? dollar;
  return double.replace(/\\(["\\$`\n])/g, (_, character: string) =>
    character === '\n' ? '' : character,
  );
}

/** Why the rest of a command begins with no token. */
function troubleAt(rest: string): string {
  const first = rest[0] ?? '';
  if (first === '"' || first === "'") return `expected a closing ${first} after ${excerpt(rest)}`;
  if (first === '\\') return 'expected a character after the last backslash';
  const operator = /^(?:\|\||&&|>>|<<|[|&;<>])/.exec(rest)?.[0];
  return operator === undefined ? notExpanded(rest) : `found "${operator}", but ${useShell}`;
}

/** What is wrong with a token, although it is one. */
function troubleIn(
  { space, double, plain }: Groups,
  beginsWord: boolean,
  isFirstWord: boolean,
): string | undefined {
  if (space?.includes('\n')) return `found a line break, but ${useShell}`;
  const unescaped = double?.replace(/\\[^]/g, '') ?? '';
  if (expansion.test(unescaped)) return notExpanded(unescaped);
  if (plain === undefined || !beginsWord) return undefined;
  if (plain.startsWith('#')) return `found "#", which begins a comment, but ${useShell}`;
  if (/^~(?:\/|$)/.test(plain)) return 'found "~", which is not expanded; write the whole path';
  const assigned = isFirstWord ? /^([A-Za-z_]\w*)=/.exec(plain)?.[1] : undefined;
  if (assigned === undefined) return undefined;
  return `found "${assigned}=" in front, but no shell runs here: put ${assigned} under env`;
}

function notExpanded(text: string): string {
  const found = expansion.exec(text)?.[0] ?? text;
  const what = found === '`' ? '`...`' : found === '$(' ? '$(...)' : found;
  return `found ${what}, which is not expanded: no shell runs here; put it into single quotes, or use [sh, -c, "exec ..."]`;
}

const excerpt = (text: string): string => (text.length <= 20 ? text : `${text.slice(0, 17)}...`);
