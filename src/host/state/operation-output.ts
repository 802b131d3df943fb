import { closeSync, openSync } from 'node:fs';
import { object, oneOf, text } from '../../core/basics/json-form.ts';
import { readFlags } from '../files/bounded-read.ts';
import { errnoOf } from '../files/errno.ts';
import { chunksBetween, createLineCutter } from '../files/lines.ts';
import { once } from '../files/once.ts';
import { outputPath } from './operation-files.ts';

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

export function openOutput(folder: string): OutputReader {
  let fd: number | undefined;
  let offset = 0;
  const cutter = createLineCutter(longestLine);
  return {
    *read() {
      fd ??= openIfThere(outputPath(folder));
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
