import { looksSecret } from '../basics/secrets.ts';
import type { Lookup } from './env-value.ts';

/** An assignment as it is written. */
export interface Assignment {
  readonly isExported: boolean;
  readonly name: string;
  /** What follows the `=`. */
  readonly raw: string;
}

/** How to write an assignment so that it is accepted: its line in quotes, unless it holds a secret. */
export function remedyFor(assignment: Assignment, lookup: Lookup): string {
  const { isExported, name, raw } = assignment;
  const value = raw.trim().replace(/[ \t]#.*$/, '');
  if (value.includes('\n') || looksSecret(name, raw))
    return value.includes("'")
      ? 'put the value into double quotes, with \\ before each $, `, " and \\'
      : 'put the value into single quotes';
  return `write ${isExported ? 'export ' : ''}${name}=${inQuotes(value, lookup)}`;
}

function inQuotes(raw: string, lookup: Lookup): string {
  const value = raw.replace(/(^|:)~(?=[/:]|$)/g, lookup('HOME') === undefined ? '$&' : '$1$$HOME');
  const quote = /^['"]/.exec(value)?.[0] ?? '';
  const isClosed = quote !== '' && value.length > 1 && value.endsWith(quote);
  const inner = value.slice(quote.length, isClosed ? -1 : undefined);
  if (/^[\w@%+=:,./-]*$/.test(inner)) return inner;
  let isPlain = quote !== '"' || !inner.includes('\\');
  const escaped = inner.replace(
    /\\[^]|["`\\]|\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})?/g,
    (found: string, bare?: string, braced: string | undefined = bare) => {
      const isExpanded = quote !== "'" && braced !== undefined && lookup(braced) !== undefined;
      if (isExpanded) isPlain = false;
      if (isExpanded || (quote === '"' && found.length > 1 && found.startsWith('\\'))) return found;
      return found.replace(/["`\\$]/g, '\\$&');
    },
  );
  return isPlain && !inner.includes("'") ? `'${inner}'` : `"${escaped}"`;
}
