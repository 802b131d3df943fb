import { closeSync, fstatSync, openSync } from 'node:fs';
import { object, oneOf, text } from '../../core/basics/json-form.ts';
import { readFlags } from '../files/bounded-read.ts';
import { errnoOf } from '../files/errno.ts';
import { chunksBetween, createLineCutter } from '../files/lines.ts';
import { linesBackwards } from '../files/lines-backwards.ts';
import { once } from '../files/once.ts';
import { withFile } from '../files/with-file.ts';

/** Where a text of a command goes: to standard output, to standard error, or to standard output with `--json`. */
export const outlets = ['out', 'err', 'json'] as const;

export type Outlet = (typeof outlets)[number];

/** A text that an operation has printed. It prints for both kinds of readers, who come later. */
export interface Printed {
  readonly to: Outlet;
  readonly text: string;
}

const form = once(() => object<Printed>({ to: ['to', oneOf(...outlets)], text: ['text', text] }));

export const printedLine = (printed: Printed): string => JSON.stringify(form().write(printed));

/** Reads what an operation has printed, from the beginning. */
export interface OutputReader {
  /** What has been added since the last call. @throws the system error */
  readonly read: () => Generator<Printed>;
  readonly close: () => void;
}

/** A longer line was not written by workerctl. */
const longestLine = 16 * 1024 * 1024;

/** @param path of the file that holds it; it need not be there yet */
export function openOutput(path: string): OutputReader {
  let fd: number | undefined;
  let offset = 0;
  const cutter = createLineCutter(longestLine);
  return {
    *read() {
      fd ??= openIfThere(path);
      if (fd === undefined) return;
      for (const chunk of chunksBetween(fd, offset)) {
        offset += chunk.length;
        for (const line of cutter.push(chunk)) {
          const printed = parsed(line.toString('utf8'));
          if (printed !== undefined) yield printed;
        }
      }
    },
    close: () => {
      if (fd !== undefined) closeSync(fd);
    },
  };
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, readFlags);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** A runner that was killed, or had no space, may have left a part of a line. */
function parsed(line: string): Printed | undefined {
  try {
    return form().read(JSON.parse(line));
  } catch {
    return undefined;
  }
}

/**
 * The exit code in the last line that an operation has printed for readers of JSON, if it is a result: all that was to be
 * done was done, even if its process was killed before it could say so elsewhere.
 */
export function exitCodeAtEnd(path: string): number | undefined {
  try {
    return withFile(path, readFlags, (fd) => {
      for (const { text: line = '' } of linesBackwards(fd, fstatSync(fd).size)) {
        const printed = parsed(line);
        if (printed?.to === 'json') return exitCodeIn(printed.text);
      }
      return undefined;
    });
  } catch {
    return undefined; // nothing was printed, or it cannot be read
  }
}

function exitCodeIn(json: string): number | undefined {
  const { exit_code: code } = JSON.parse(json) as Readonly<Record<string, unknown>>;
  return typeof code === 'number' ? code : undefined;
}
