import { fstatSync, readSync } from 'node:fs';
import { busyWith, type Activity } from '../../core/model/activity.ts';
import { matchedBytes } from '../../core/basics/pattern.ts';
import { momentOf } from '../../core/basics/time.ts';
import {
  parseHeartbeat,
  printable,
  shortened,
  type Heartbeat,
} from '../../core/protocols/heartbeat.ts';
import { readFlags } from '../files/bounded-read.ts';
import { withFile } from '../files/with-file.ts';
import { beatFlags } from './beat-place.ts';
import { now } from '../process/clock.ts';

/** Room for the jobs that are kept, of a worker that has as many (heartbeat protocol, version 2). */
const bytesOfSet = 32 * 1024;

/**
 * What a worker says about its work in a heartbeat file (see beatPlace), see `parseHeartbeat`. Undefined if it says nothing, or there is no
 * such file. The worker writes what it likes, so nothing in the file is trusted, waited for or printed unchanged.
 */
export function readActivity(path: string): Activity | undefined {
  const flags = readFlags | beatFlags();
  const start = readStart(path, matchedBytes, flags);
  const isLongSet = start?.isCut === true && start.text.startsWith('jobs ');
  const file = isLongSet ? readStart(path, bytesOfSet, flags) : start;
  return file && parseHeartbeat(file, now());
}

/**
 * What a process says about its work in its title, which programs write over their arguments: busy if `pattern`
 * (without `g` and `y`) matches, with its first group or else the whole match; otherwise idle. Undefined if the process
 * is gone, a zombie, or not ours to see. Source: proc_pid_cmdline(5).
 */
export function titleActivity(pid: number, pattern: RegExp): Activity | undefined {
  const title = printable(readStart(`/proc/${pid}/cmdline`, matchedBytes)?.text ?? '');
  if (title === '') return undefined;
  const match = pattern.exec(title);
  return match === null ? { kind: 'idle' } : busyWith([{ what: shortened(match[1] ?? match[0]) }]);
}

/** The first bytes of a file. Never waits, even if it is a FIFO. */
function readStart(path: string, maxBytes: number, flags = readFlags): Heartbeat | undefined {
  try {
    return withFile(path, flags, (fd) => {
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
