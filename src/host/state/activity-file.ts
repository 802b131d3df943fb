import { fstatSync, readSync } from 'node:fs';
import type { Activity } from '../../core/model/activity.ts';
import { matchedBytes } from '../../core/basics/pattern.ts';
import { durationOf, momentOf, type Moment } from '../../core/basics/time.ts';
import { readFlags } from '../files/bounded-read.ts';
import { withFile } from '../files/with-file.ts';
import { now } from '../process/clock.ts';

/** What is longer is truncated. */
const maxBytes = matchedBytes;

/** How far a worker's clock may be ahead of ours (it may be on another host, or in a wrong time zone). */
const maxAhead = durationOf(86_400_000);

/**
 * What a worker says about its work in its heartbeat file: the first line is `busy`, `busy WHAT` or `idle`; the second,
 * if any, is since when, in seconds since 1970. Without it, since the file was written. Undefined if it says neither,
 * or there is no such file. The worker writes what it likes, so nothing in the file is trusted, waited for or printed
 * unchanged.
 */
export function readActivity(path: string): Activity | undefined {
  const file = readStart(path);
  if (file === undefined) return undefined;
  const lines = file.text.split('\n');
  // The last line may be incomplete: half a number is another number.
  if (file.isCut && lines.length > 1) lines.pop();
  const [first = '', second = ''] = lines;
  const since = momentIn(second) ?? file.writtenAt;
  const [, word, what = ''] = /^(busy|idle)(?: +(.*))?$/.exec(printable(first)) ?? [];
  if (word === 'busy') return { kind: 'busy', what: shortened(what), since };
  return word === 'idle' && what === '' ? { kind: 'idle', since } : undefined;
}

/**
 * What a process says about its work in its title, which programs write over their arguments: busy if `pattern`
 * (without `g` and `y`) matches, with its first group or else the whole match; otherwise idle. Undefined if the process
 * is gone, a zombie, or not ours to see. Source: proc_pid_cmdline(5).
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
 * One line that is safe for a terminal: control characters, and those that change the direction of the text, become
 * spaces; no blanks around it.
 */
const printable = (text: string): string =>
  // Usually there is nothing to replace, and compiling the classes of Unicode takes longer than all the rest.
  (/^[ -~]*$/.test(text) ? text : text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ')).trim();

/** Whole characters only: half a surrogate pair is not one. */
const shortened = (text: string): string => /^.{0,200}/u.exec(text.trim())?.[0].trimEnd() ?? '';

/** September 2001, the first moment with ten digits: a shorter number is incomplete. */
const earliest = momentOf(1e12);

/** A line of seconds since 1970 as a moment; undefined if it is not one, or not a possible one. */
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

/** The first 4 KiB of a file. Never waits, even if it is a FIFO. */
function readStart(path: string): FileStart | undefined {
  try {
    return withFile(path, readFlags, (fd) => {
      const bytes = Buffer.alloc(maxBytes);
      const length = readSync(fd, bytes, 0, maxBytes, 0);
      const text = bytes.toString('utf8', 0, length);
      const writtenAt = momentOf(Math.round(fstatSync(fd).mtimeMs));
      return { text, isCut: length === maxBytes, writtenAt };
    });
  } catch {
    return undefined;
  }
}
