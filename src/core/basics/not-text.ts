import type { Mismatch } from './config-problem.ts';

/** Why the bytes of a file are no text, and where. */
export interface NotText extends Mismatch {
  readonly line: number;
  readonly column: number;
}

/** What keeps `decoded`, read as UTF-8, from being a text; `isUtf8` tells whether all bytes were that. */
export function notText(decoded: string, isUtf8: boolean): NotText | undefined {
  const bad = isUtf8 ? '\0' : '\uFFFD';
  const offset = decoded.indexOf(bad);
  if (offset === -1) return undefined;
  const before = decoded.slice(0, offset).split('\n');
  const place = { line: before.length, column: (before.at(-1) ?? '').length + 1 };
  const expected = 'UTF-8 text';
  // This is what is left of the two bytes that UTF-16 begins with.
  if (decoded.startsWith('\uFFFD\uFFFD'))
    return { ...place, expected, found: 'UTF-16', hint: 'save the file as UTF-8' };
  return { ...place, expected, found: isUtf8 ? 'a NUL byte' : 'other bytes' };
}
