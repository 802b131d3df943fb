import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import type { Activity } from '../../core/model/activity.ts';
import { durationOf, momentOf, type Moment } from '../../core/basics/time.ts';
import { now } from '../process/clock.ts';

/** Nobody needs more to say what he does. */
const maxBytes = 4096;

/** How far a worker's clock may be ahead of ours (it may be on another host, or in a wrong time zone). */
const maxAhead = durationOf(86_400_000);

/**
 * What a worker says of itself in its heartbeat file: the first line is `busy`, `busy WHAT` or `idle`; the second, if
 * any, since when, in seconds since 1970. Without that it is since the file was written. Undefined when it says neither,
 * or there is no such file: the worker writes it as it likes, so that nothing in it may be believed, waited for or
 * printed as it is.
 */
export function readActivity(path: string): Activity | undefined {
  const file = readStart(path);
  if (file === undefined) return undefined;
  const lines = file.text.split('\n');
  // The last one may go on: half a number is another number.
  if (file.isCut && lines.length > 1) lines.pop();
  const [first = '', second = ''] = lines;
  const since = momentIn(second) ?? file.writtenAt;
  const [, word, what = ''] = /^(busy|idle)(?: +(.*))?$/.exec(printable(first)) ?? [];
  if (word === 'busy') return { kind: 'busy', what: shortened(what), since };
  return word === 'idle' && what === '' ? { kind: 'idle', since } : undefined;
}

/**
 * What a process says of itself in its title, which programs that set one write over their arguments: busy where
 * `pattern` (without `g` and `y`) matches, with its first group or else the whole match; idle where it does not.
 * Undefined for one that is gone, a zombie, or not ours to see. Source: proc_pid_cmdline(5).
 */
export function titleActivity(pid: number, pattern: RegExp): Activity | undefined {
  const title = printable(readStart(`/proc/${pid}/cmdline`)?.text ?? '');
  if (title === '') return undefined;
  const match = pattern.exec(title);
  return match === null
    ? { kind: 'idle' }
    : { kind: 'busy', what: shortened(match[1] ?? match[0]) };
}

/**
 * One line that does a terminal no harm: control characters, and those that turn the direction of the text, become
 * spaces; no blanks around.
 */
const printable = (text: string): string =>
  // Mostly there is nothing to replace, and the classes of Unicode take longer to compile than all else here.
  (/^[ -~]*$/.test(text) ? text : text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ')).trim();

/** By whole characters: half a surrogate pair is none. */
const shortened = (text: string): string => /^.{0,200}/u.exec(text.trim())?.[0].trimEnd() ?? '';

/** September 2001, when there were ten digits for the first time: fewer are a number that was half written. */
const earliest = momentOf(1e12);

/** A line of seconds since 1970 as a moment; undefined when it is none, or one that cannot be. */
function momentIn(line: string): Moment | undefined {
  const text = printable(line);
  if (!/^\d+(?:\.\d+)?$/.test(text)) return undefined;
  const at = momentOf(Math.round(Number(text) * 1000));
  return at >= earliest && at <= now() + maxAhead ? at : undefined;
}

interface FileStart {
  readonly text: string;
  readonly isCut: boolean;
  readonly writtenAt: Moment;
}

/** The first 4 KiB of a file. Never waits, though somebody may have made a FIFO of it. */
function readStart(path: string): FileStart | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const bytes = Buffer.alloc(maxBytes);
    const length = readSync(fd, bytes, 0, maxBytes, 0);
    const text = bytes.toString('utf8', 0, length);
    const writtenAt = momentOf(Math.round(fstatSync(fd).mtimeMs));
    return { text, isCut: length === maxBytes, writtenAt };
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
