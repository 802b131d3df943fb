import { fstatSync } from 'node:fs';
import { matchedBytes } from '../../core/basics/pattern.ts';
import { readFlags } from '../files/bounded-read.ts';
import { chunkBytes, chunksBetween, createLineCutter } from '../files/lines.ts';
import { withFile } from '../files/with-file.ts';

/** Searches a log, from one look to the next, for a line that matches. */
export interface LogSearch {
  /**
   * Whether a line that was written since the last look matches with its first 4 kB. A line without an end counts at the end of the log. Reads
   * at most 8 MiB: the rest is left for the next look.
   */
  readonly finds: (pattern: RegExp) => boolean;
}

const maxBytes = 128 * chunkBytes;

/** Searches the log at `path` from `offset` on, in bytes. It need not exist yet. */
export function createLogSearch(path: string, offset: number): LogSearch {
  const cutter = createLineCutter();
  let position = offset;

  function search(fd: number, pattern: RegExp): boolean {
    const matches = (line: Buffer): boolean => pattern.test(line.toString('utf8', 0, matchedBytes));
    const { size } = fstatSync(fd);
    if (size < position) {
      // Emptied, as logrotate's copytruncate does: everything in it was written since.
      position = 0;
      cutter.flush();
    }
    const end = position + maxBytes;
    for (const chunk of chunksBetween(fd, position, end)) {
      position += chunk.length;
      if (cutter.push(chunk).some(matches)) return true;
    }
    const unfinished = cutter.unfinished();
    return position < end && unfinished.length > 0 && matches(unfinished);
  }

  return {
    finds: (pattern) => {
      try {
        return withFile(path, readFlags, (fd) => search(fd, pattern));
      } catch {
        return false; // not there yet, or not ours to read
      }
    },
  };
}
