/**
 * A word, quoted if needed: for sh, and for fish and csh, which a host may have as its login shell. Between single quotes fish
 * has escapes, and csh looks for events (`!`), so that these characters stand outside of them.
 */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replace(/['\\!]/g, `'\\$&'`)}'`;
}
