import { withoutSecrets } from '../basics/secrets.ts';

// Ruby, Java, Node and PHP print an error first and its frames below, Python last: the last lines of a log may be nothing
// but frames.

/** The first line of an error, by which it is certain that it is one. */
const heads: readonly RegExp[] = [
  /^.+:\d+:in [`'].*': ./, // Ruby, not caught: FILE:LINE:in `METHOD': MESSAGE (CLASS)
  /^(?:(?:PHP )?(?:Fatal|Parse|Recoverable fatal) error|FATAL ERROR|panic|fatal error): +\S/, // PHP, V8, Go
  /^thread '.*' (?:\(\d+\) )?panicked at /, // Rust
  /^terminate called after throwing /, // C++
  /^\[UnhandledPromiseRejection/, // Node, for what is thrown and is no error
  // Java, Node and Python: java.lang.IllegalStateException: MESSAGE
  /^(?:Exception in thread "[^"]*" )?(?:Uncaught )?(?:[\w$]+[.:\\]+)*[A-Z][\w$]*(?:Error|Exception)(?: \[\w+\])?(?::|$)/,
  /^(?:Error|Uncaught \w+): \S/,
];

/** A line that may be an error; many logs have some that the process survived. */
const hints: readonly RegExp[] = [
  /\b(?:FATAL|CRITICAL|ERROR)\b|\blevel=(?:error|fatal)\b|"level": ?(?:"(?:error|fatal)"|[56]0\b)|\[(?:error|fatal|crit)\]/,
  /^[\w./-]+: (?:line \d+: |\d+: )?\S.*(?:not found|denied|No such file|cannot|rror)/, // sh and what it runs
  /^[A-Z]\w*(?:::[A-Z]\w*)+(?:: | \()/, // Ruby, by a logger: Redis::CannotConnect (MESSAGE)
  /^(?:Segmentation fault|Bus error|Aborted|Killed|Out of memory)\b/,
];

/** A frame that shows by itself that an error stands above it: of Java, Node and Ruby, or PHP's title of its frames. */
const frame = /^\s+at \S.*[:(]|^\s*(?:from )?\S+:\d+:in [`'][^']*'$|^\[?stack ?trace\]?:?$/i;

/** What belongs to an error: frames, what is indented, the titles and calls of Go and Rust, the end of Node. */
const part =
  /^\s|^$|^#\d+ |^goroutine \d+ \[|^created by |^[\w./*()$-]+\([^()]*\)$|^note: |^Node\.js v|^exit status \d+$/;

const cause = /^(?:Caused by|\s+\[cause\]): (.*)/;

/** An error that was found, while lines below it are read. */
interface Found {
  /** The number of its line. */
  readonly at: number;
  readonly isCertain: boolean;
  readonly cause?: string;
  /** How many lines since its last line have nothing to do with it. */
  readonly since: number;
  /** Whether the line before was one of its frames: an error that follows at once is its cause. */
  readonly inFrames: boolean;
}

/** An error that was followed by more lines than this is not what the process died of. */
const mostSince = 10;

/** No line is looked at further than this, and no error is longer, in characters. */
const longestLine = 1_000;
const longest = 300;

/**
 * The error among the last lines of a dead process, with its cause: the first line of the last block that looks like an
 * error, or the last line of a Python traceback. Colours and values that look secret are left out. Undefined if there is
 * none, or if too many other lines follow.
 */
export function errorIn(lines: readonly string[]): string | undefined {
  const bare = lines.map((line) => line.slice(0, longestLine).replace(colours, '').trimEnd());
  const found = errorsIn(bare).filter(({ since }) => since <= mostSince);
  const last = found.findLast(({ isCertain }) => isCertain) ?? found.at(-1);
  if (last === undefined) return undefined;
  const words = withoutSecrets(wordsOf(bare, last));
  return words.length > longest ? `${words.slice(0, longest)}…` : words;
}

// eslint-disable-next-line no-control-regex -- ECMA-48, 8.3.117
const colours = /\u001b\[[\d;:]*m/g;

function errorsIn(lines: readonly string[]): readonly Found[] {
  const found: Found[] = [];
  let inTraceback = false;
  lines.forEach((line, at) => {
    if (inTraceback && !/^\S/.test(line)) return;
    if (inTraceback) found.push(begun(at, true));
    else if (!line.startsWith('Traceback (most recent call last)')) take(found, lines, at);
    inTraceback = line.startsWith('Traceback (most recent call last)');
  });
  return found;
}

const begun = (at: number, isCertain: boolean): Found => ({
  at,
  isCertain,
  since: 0,
  inFrames: false,
});

type LineKind = 'head' | 'cause' | 'frame' | 'part' | 'hint' | 'other';

function kindOf(line: string): LineKind {
  if (heads.some((head) => head.test(line))) return 'head';
  if (cause.test(line)) return 'cause';
  if (frame.test(line)) return 'frame';
  if (part.test(line)) return 'part';
  return hints.some((hint) => hint.test(line)) ? 'hint' : 'other';
}

/** Adds what a line means to the errors that were found above it. */
function take(found: Found[], lines: readonly string[], at: number): void {
  const kind = kindOf(lines[at] ?? '');
  const last = found.at(-1);
  const isNew =
    last === undefined ||
    last.since > mostSince ||
    (kind === 'head' && !last.inFrames) ||
    (kind === 'hint' && !last.isCertain);
  if (isNew) found.push(...begunBy(kind, lines, at));
  else Object.assign(last, withLine(last, kind, lines[at] ?? ''));
}

/** What one more line below it makes of an error. */
function withLine(last: Found, kind: LineKind, line: string): Partial<Found> {
  switch (kind) {
    case 'head':
    case 'cause':
      return { cause: cause.exec(line)?.[1] ?? line, inFrames: true };
    case 'frame':
      return { isCertain: true, since: 0, inFrames: true };
    case 'part':
      return { inFrames: last.inFrames && line !== '' };
    case 'hint':
    case 'other':
      return { since: last.since + 1, inFrames: false };
  }
}

/** The error that a line begins, which no error above it explains. */
function begunBy(kind: LineKind, lines: readonly string[], at: number): Found[] {
  switch (kind) {
    case 'head':
    case 'cause':
    case 'hint':
      return [begun(at, kind !== 'hint')];
    case 'frame':
      return [{ ...begun(headAbove(lines, at), true), inFrames: true }];
    case 'part':
    case 'other':
      return [];
  }
}

/** The line above a frame, without those that are empty. */
function headAbove(lines: readonly string[], at: number): number {
  const above = lines.slice(0, at).findLastIndex((line) => line !== '');
  return above === -1 ? at : above;
}

/** Rust and C++ say on the next line what happened. */
const goesOn = /panicked at [^']*:$|^terminate called /;

function wordsOf(lines: readonly string[], { at, cause: why }: Found): string {
  const first = lines[at]?.trim() ?? '';
  const whole = goesOn.test(first) ? `${first} ${lines[at + 1]?.trim() ?? ''}` : first;
  return why === undefined ? whole : `${whole} (caused by: ${why})`;
}
