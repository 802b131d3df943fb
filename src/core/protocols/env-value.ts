import type { Mismatch } from '../basics/config-problem.ts';

/** The value of a variable; undefined if it is not set. */
export type Lookup = (name: string) => string | undefined;

/** What is wrong with a value, and where. */
export interface Fault extends Omit<Mismatch, 'hint'> {
  readonly at: number;
  /** What can be done besides writing the characters so that they mean themselves. */
  readonly advice?: string;
}

/** A value, from `start` to `end` in the text; its line break is part of it. */
export interface EnvValue {
  readonly value: string;
  readonly start: number;
  readonly end: number;
  readonly fault?: Fault | undefined;
}

const expansion = String.raw`\$(?:(?<bare>[A-Za-z_]\w*)|\{(?<braced>[A-Za-z_]\w*)\})`;

const unquoted = new RegExp(
  String.raw`(?<end>(?:[ \t]+#[^\n]*|[ \t]*)(?:\n|$))|(?<joined>\\\n)|\\(?<escaped>[^])|` +
    String.raw`'(?<single>[^']*)'|(?<quote>")|${expansion}|(?<tilde>~)|` +
    '(?<plain>[^ \\t\\n\'"\\\\$`~|&;<>()]+)',
  'y',
);

const quoted = new RegExp(
  String.raw`(?<joined>\\\n)|\\(?<escaped>["\\$\x60])|(?<quote>")|${expansion}|` +
    '(?<plain>[^"\\\\$`]+|\\\\)',
  'y',
);

/** How far a value has been read. */
interface Scan {
  readonly text: string;
  readonly start: number;
  readonly lookup: Lookup;
  /** Some shells split and glob what follows `export`. */
  readonly isExported: boolean;
  at: number;
  value: string;
  /** Where the double quote that is open was opened. */
  opened: number | undefined;
  /** The first quote that closes in another line than it was opened in: the one to blame if nothing fits after it. */
  spanning: number | undefined;
  fault: Fault | undefined;
}

/** The value that begins at `start`, up to the end of its line, or of the line in which its last quote closes. */
export function readEnvValue(
  text: string,
  start: number,
  lookup: Lookup,
  isExported: boolean,
): EnvValue {
  const scan: Scan = {
    ...{ text, start, lookup, isExported, at: start, value: '' },
    ...{ opened: undefined, spanning: undefined, fault: undefined },
  };
  while (takeToken(scan));
  return { value: scan.value, start, end: scan.at, fault: scan.fault };
}

/** False at the end of the value. */
function takeToken(scan: Scan): boolean {
  const { at } = scan;
  const token = scan.opened === undefined ? unquoted : quoted;
  token.lastIndex = at;
  const groups = token.exec(scan.text)?.groups;
  if (groups === undefined) return takeFault(scan);
  scan.at = token.lastIndex;
  const { end, escaped, single, quote, bare, braced = bare, tilde, plain } = groups;
  if (end !== undefined) return false;
  if (quote !== undefined) {
    if (scan.opened !== undefined) noteSpan(scan, scan.opened);
    scan.opened = scan.opened === undefined ? at : undefined;
  }
  if (single !== undefined) noteSpan(scan, at);
  if (tilde !== undefined) checkTilde(scan, at);
  if (plain !== undefined) checkPlain(scan, at, plain);
  scan.value +=
    braced === undefined ? (escaped ?? single ?? tilde ?? plain ?? '') : expanded(scan, at, braced);
  return true;
}

/** Each value has one problem: the others mostly follow from it. */
function blame(scan: Scan, fault: Fault): void {
  scan.fault ??= fault;
}

function noteSpan(scan: Scan, from: number): void {
  if (scan.text.slice(from, scan.at).includes('\n')) scan.spanning ??= from;
}

/** sh expands it at the beginning of a value and after each colon. */
function checkTilde(scan: Scan, at: number): void {
  const before = scan.text.slice(scan.start, at).replaceAll('\\\n', '');
  if (!/(?:^|:)$/.test(before)) return;
  const isHome = /^~(?:[/:\s]|$)/.test(scan.text.slice(at, at + 2));
  const advice = isHome ? {} : { advice: 'write the whole path' };
  blame(scan, { at, found: '"~", which is not expanded', ...advice });
}

function checkPlain(scan: Scan, at: number, plain: string): void {
  const index = plain.search(/[*?[{]/);
  if (!scan.isExported || scan.opened !== undefined || index === -1) return;
  const found = `an unquoted "${plain.charAt(index)}" after export, which some shells expand`;
  blame(scan, { at: at + index, found });
}

function expanded(scan: Scan, at: number, name: string): string {
  const value = scan.lookup(name);
  if (value === undefined) {
    blame(scan, { at, found: `$${name}, which is not set`, advice: 'set it above this line' });
  } else if (scan.isExported && scan.opened === undefined)
    blame(scan, { at, found: `an unquoted $${name} after export, which some shells split` });
  return value ?? '';
}

/** What is no token. Inside of quotes the value goes on behind it, otherwise in the next line. */
function takeFault(scan: Scan): boolean {
  const { text, at, opened } = scan;
  const found = notExpanded(text.slice(at));
  if (found !== undefined) blame(scan, { at, found, advice: 'no shell runs here' });
  if (opened !== undefined && at < text.length) {
    scan.value += text.charAt(at);
    scan.at += 1;
    return true;
  }
  const open = opened ?? (text[at] === "'" ? at : undefined);
  const quote = scan.spanning ?? open;
  if (quote !== undefined) {
    const where = open === undefined ? ' in this line' : '';
    const expected = `a closing ${text.charAt(quote)}${where}`;
    scan.fault = {
      at: quote,
      expected,
      found: open === undefined ? 'one in a later line' : 'none',
    };
  }
  blame(scan, { at, found: unfit(text.charAt(at)) });
  const lineEnd = text.indexOf('\n', quote ?? at);
  scan.at = lineEnd === -1 ? text.length : lineEnd + 1;
  return false;
}

function notExpanded(rest: string): string | undefined {
  const what = /^(?:`|\$[({\d$@*#?!-]?)/.exec(rest)?.[0];
  if (what === undefined) return undefined;
  const shown = { '`': '`...`', '$(': '$(...)', '${': '${...}' }[what] ?? `"${what}"`;
  return `${shown}, which is not expanded`;
}

function unfit(character: string): string {
  if (character === '\\') return 'a backslash at the end of the file';
  if (/[ \t]/.test(character)) return 'an unquoted blank';
  return `an unquoted "${character}"`;
}
