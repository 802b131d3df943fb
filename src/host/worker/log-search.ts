import { fstatSync } from 'node:fs';
import { readFlags } from '../files/bounded-read.ts';
import { chunkBytes, chunksBetween, createLineCutter } from '../files/lines.ts';
import { withFile } from '../files/with-file.ts';

/** Searches a log, from one look to the next, for a line that matches. */
export interface LogSearch {
  /**
   * Whether a line that was written since the last look matches. A line without an end counts at the end of the log. Reads
   * at most 8 MiB: the rest is left for the next look.
   */
  readonly finds: (pattern: RegExp) => boolean;
}

const maxBytes = 128 * chunkBytes;

/** A longer line is searched in pieces. */
const longestLine = 1024 * 1024;

/** Searches the log at `path` from `offset` on, in bytes. It need not exist yet. */
export function createLogSearch(path: string, offset: number): LogSearch {
  const cutter = createLineCutter(longestLine);
  let position = offset;

  function search(fd: number, pattern: RegExp): boolean {
    const { size } = fstatSync(fd);
    if (size < position) {
      // Emptied, as logrotate's copytruncate does: everything in it was written since.
      position = 0;
      cutter.flush();
    }
    const end = position + maxBytes;
    for (const chunk of chunksBetween(fd, position, end)) {
      position += chunk.length;
      if (cutter.push(chunk).some((line) => pattern.test(line.toString('utf8')))) return true;
    }
    const unfinished = cutter.unfinished();
    return position < end && unfinished.length > 0 && pattern.test(unfinished.toString('utf8'));
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
