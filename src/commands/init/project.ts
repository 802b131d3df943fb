import { existsSync, fstatSync, readdirSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { mismatchText } from '../../core/basics/config-problem.ts';
import { readFlags, readTextUpTo } from '../../host/files/bounded-read.ts';
import { describeErrno, errnoOf } from '../../host/files/errno.ts';
import { bytesBetween } from '../../host/files/lines.ts';
import { withFile } from '../../host/files/with-file.ts';
import type { Note, TextFile } from './found.ts';

/** A project as the sources see it. What is in it is data: nothing is run, and nothing without end is read. */
export interface Project {
  /** Absolute, as the caller named it. */
  readonly folder: string;
  /** A file; undefined if there is none, or if it is not read, which `unread` says then. */
  readonly file: (path: string) => TextFile | undefined;
  /** How a script begins; undefined if it cannot be read. */
  readonly script: (path: string) => { readonly text: string } | undefined;
  readonly has: (path: string) => boolean;
  /** The names in a directory, sorted; none if it cannot be read. */
  readonly names: (path: string) => readonly string[];
  /** What was there, but was not read: a FIFO, a device, too long. */
  readonly unread: () => readonly Note[];
}

/** Lock files are longer than what people write. */
const mostBytes = 16 * 1024 * 1024;

/** The most names of a directory that are looked at. */
const mostNames = 2_000;

/** @param onHost where the same directory is when its workers run, such as `current` */
export function openProject(folder: string, onHost = folder): Project {
  const unread = new Map<string, Note>();
  const folderOnHost = (file: string): string => {
    const inside = relative(folder, dirname(file));
    return inside.startsWith('..') ? dirname(file) : join(onHost, inside);
  };
  return {
    folder,
    file: (path) => {
      const whole = resolve(folder, path);
      const shown = shownPath(folder, whole);
      try {
        const text = readTextUpTo(whole, mostBytes);
        if (typeof text === 'string') return { path: shown, folder: folderOnHost(whole), text };
        unread.set(shown, { file: shown, words: `was not read: ${mismatchText(text)}` });
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'ENOTDIR')
          unread.set(shown, { file: shown, words: `was not read: ${describeErrno(error)}` });
      }
      return undefined;
    },
    script: (path) => {
      try {
        return withFile(resolve(folder, path), readFlags, (fd) =>
          fstatSync(fd).isFile()
            ? { text: bytesBetween(fd, 0, 200).toString('latin1') }
            : undefined,
        );
      } catch {
        return undefined;
      }
    },
    has: (path) => existsSync(join(folder, path)),
    names: (path) => {
      try {
        return readdirSync(join(folder, path)).sort().slice(0, mostNames);
      } catch {
        return [];
      }
    },
    unread: () => [...unread.values()],
  };
}

/** From the project if it is in there, else as a whole. */
function shownPath(folder: string, path: string): string {
  const inside = relative(folder, path);
  return inside === ''
    ? basename(path)
    : inside.startsWith('..') || isAbsolute(inside)
      ? path
      : inside;
}
