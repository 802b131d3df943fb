/** `*`, or whether a character can stand there. */
type Token = '*' | ((character: string) => boolean);

/**
 * Whether a whole text has the form of a glob: `*` is any number of characters, `?` is one, `[1-3]` one of a set and `[!a]`
 * one that is not in it; all else stands for itself. The time grows with the product of the lengths, whatever the glob.
 */
export function globMatcher(glob: string): (text: string) => boolean {
  if (!/[*?[]/.test(glob)) return (text) => text === glob;
  const tokens = (glob.match(/\[[!^]?[^\]]+\]|[^]/g) ?? []).map(tokenOf);
  return (text) => matches(tokens, text);
}

/** What is wrong with a glob; undefined if nothing is. */
export function globProblem(glob: string): string | undefined {
  const [numbers] = /\[[^\]]*(?:\d\d-\d|\d-\d\d)[^\]]*\]/.exec(glob) ?? [];
  if (numbers === undefined) return undefined;
  return `${numbers} is a set of single characters; write numbers as {9..12}`;
}

function tokenOf(source: string): Token {
  if (source === '*') return source;
  if (source === '?') return () => true;
  if (source.length === 1) return (character) => character === source;
  const isNegated = /^\[[!^]/.test(source);
  const set = source.slice(isNegated ? 2 : 1, -1).match(/[^]-[^]|[^]/g) ?? [];
  return (character) => set.some((range) => isIn(range, character)) !== isNegated;
}

const isIn = (range: string, character: string): boolean =>
  range.charAt(0) <= character && character <= range.charAt(range.length - 1);

/** Only the last `*` is ever tried again with more characters: what an earlier one could take, the last one can take too. */
function matches(tokens: readonly Token[], text: string): boolean {
  let next = 0;
  let afterStar = -1;
  let resumeAt = 0;
  for (let at = 0; at < text.length;) {
    const token = tokens[next];
    if (token === '*') {
      next += 1;
      afterStar = next;
      resumeAt = at;
    } else if (token?.(text.charAt(at)) === true) {
      next += 1;
      at += 1;
    } else if (afterStar === -1) return false;
    else {
      next = afterStar;
      resumeAt += 1;
      at = resumeAt;
    }
  }
  return tokens.slice(next).every((token) => token === '*');
}
