/** As much of a text as a pattern of the config is matched with, in bytes: what takes time is bounded by it. */
export const matchedBytes = 4096;

/**
 * Whether a regular expression has so little in it that a match takes milliseconds at most, whatever the text: nothing that
 * is repeated is in a group, and at most one thing is repeated at all.
 */
export function isQuick(source: string): boolean {
  const plain = source
    .replace(/\\[^]|\[(?:\\[^]|[^\]])*\]/g, 'x') // escapes and classes
    .replace(/\((?:\?(?::|<\w+>))?/g, '(');
  return !/\)[*+?{]/.test(plain) && (plain.match(/[*+?{]/g) ?? []).length <= 1;
}

/**
 * What in a regular expression only backtracking can match: it may take longer than anyone can wait. Undefined if there is
 * nothing of that kind.
 */
export function backtrackingPart(source: string): string | undefined {
  const plain = source.replace(/\\([^])|\[(?:\\[^]|[^\]])*\]/g, (text, escaped?: string) =>
    escaped !== undefined && /[1-9k]/.test(escaped) ? text : 'x'.repeat(text.length),
  );
  return /\(\?<?[=!]|\\[1-9]\d*|\\k<\w+>/.exec(plain)?.[0];
}
