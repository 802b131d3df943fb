import { readSync } from 'node:fs';
import { basename } from 'node:path';
import { readFlags } from '../files/bounded-read.ts';
import { withFile } from '../files/with-file.ts';

/** As much as the kernel reads of a file to find out how to run it. Source: BINPRM_BUF_SIZE. */
const headBytes = 256;

/** The programs that a file needs in order to run, as it names them; none if it cannot be read, which a start need not. */
export function interpretersOf(file: string): readonly string[] {
  try {
    return withFile(file, readFlags, (fd) => {
      const head = bytesOf(fd, 0, headBytes);
      if (head.toString('latin1', 0, 2) === '#!') return ofScript(head.toString('utf8', 2));
      const loader = isElf64(head) ? loaderOf(fd, head) : undefined;
      return loader === undefined ? [] : [loader];
    });
  } catch {
    return [];
  }
}

function bytesOf(fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, readSync(fd, bytes, 0, length, position));
}

/**
 * The interpreter, and the program that env(1) is to run. The kernel hands on the rest of the line as one argument.
 * @param text what follows `#!`
 */
function ofScript(text: string): readonly string[] {
  const [, interpreter, rest = ''] = /^[ \t]*([^ \t\n]+)[ \t]*([^\n]*)/.exec(text) ?? [];
  if (interpreter === undefined) return [];
  if (basename(interpreter) !== 'env') return [interpreter];
  const split = /^(?:-S|--split-string=)[ \t]*(.*)/.exec(rest)?.[1]?.split(/[ \t]+/);
  const program = (split ?? [rest.replace(/[ \t]+$/, '')]).find((word) => !/^\w+=/.test(word));
  const isKnown = program !== undefined && program !== '' && !program.startsWith('-');
  return isKnown ? [interpreter, program] : [interpreter];
}

/** Whether this is the head of a 64-bit little-endian binary. Source of the numbers below: elf(5). */
const isElf64 = (head: Buffer): boolean =>
  head.length >= 64 && head.readUInt32BE(0) === 0x7f454c46 && head[4] === 2 && head[5] === 1;

/** The dynamic loader that a binary names (PT_INTERP); undefined if it needs none. */
function loaderOf(fd: number, head: Buffer): string | undefined {
  const size = head.readUInt16LE(54);
  const table = bytesOf(fd, Number(head.readBigUInt64LE(32)), size * head.readUInt16LE(56));
  for (let at = 0; at + 56 <= table.length; at += size) {
    if (table.readUInt32LE(at) !== 3) continue;
    const length = Math.min(4096, Number(table.readBigUInt64LE(at + 32)));
    const name = bytesOf(fd, Number(table.readBigUInt64LE(at + 8)), length);
    return name.toString('utf8').replace(/\0.*$/s, '');
  }
  return undefined;
}
