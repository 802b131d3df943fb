import { isUtf8 } from 'node:buffer';
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readlinkSync,
  readSync,
  type Stats,
} from 'node:fs';
import { configError } from '../../core/basics/config-error.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import { kindOfFile } from '../../core/basics/file-kind.ts';
import { notText } from '../../core/basics/not-text.ts';

const sizeLimit = 1024 * 1024;

/** A config file as it is on disk. */
export interface ConfigSource {
  readonly text: string;
  /** Whether every user may read it; if not, it may hold secrets. */
  readonly isPublic: boolean;
}

/**
 * Throws a `config` error that says why the file cannot be read.
 * @param advice what to do if there is no such file
 */
export function readConfigFile(
  file: string,
  advice = 'run workerctl init to write a first config, or name another file with --config',
): ConfigSource {
  const { bytes, isPublic } = readBytes(file, advice);
  if (bytes.length > sizeLimit) throw tooLarge(file, 'more than 1048576');
  const text = bytes.toString('utf8');
  const problem = notText(text, isUtf8(bytes));
  if (problem !== undefined) throw configError([{ file, ...problem }]);
  return { text, isPublic };
}

const { O_RDONLY, O_NONBLOCK, O_NOCTTY } = constants;

function readBytes(file: string, advice: string): { bytes: Buffer; isPublic: boolean } {
  let fd: number | undefined;
  try {
    fd = openSync(file, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw isNoFile(file, stat);
    if (stat.size > sizeLimit) throw tooLarge(file, String(stat.size));
    return { bytes: readUpTo(fd, sizeLimit + 1), isPublic: (stat.mode & 0o004) !== 0 };
  } catch (error) {
    throw error instanceof WorkerctlError ? error : unreadable(file, error, advice);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Bounded even if the file grows meanwhile. */
function readUpTo(fd: number, limit: number): Buffer {
  const chunks: Buffer[] = [];
  for (let length = 0; length < limit;) {
    const chunk = Buffer.allocUnsafe(16 * 1024);
    const read = readSync(fd, chunk, 0, chunk.length, null);
    if (read === 0) break;
    chunks.push(chunk.subarray(0, read));
    length += read;
  }
  return Buffer.concat(chunks);
}

const isNoFile = (file: string, stat: Stats): WorkerctlError =>
  new WorkerctlError('config', `${file}: expected a config file, found ${kindOfFile(stat)}`, {
    hint: stat.isDirectory()
      ? `name the file in it, such as ${file.replace(/\/$/, '')}/workerctl.yaml`
      : 'write the config to a file, and name that with --config',
  });

const tooLarge = (file: string, bytes: string): WorkerctlError =>
  new WorkerctlError('config', `${file}: expected a config of at most 1 MiB, found ${bytes} bytes`);

function unreadable(file: string, cause: unknown, advice: string): WorkerctlError {
  const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return missing(file, cause, advice);
    case 'EACCES':
      return new WorkerctlError('config', `${file}: no permission to read the config (EACCES)`, {
        hint: 'make the file and the directories above it readable for the user that runs workerctl',
        cause,
      });
    default:
      return new WorkerctlError('config', `${file}: the config cannot be read (${code})`, {
        cause,
      });
  }
}

function missing(file: string, cause: unknown, advice: string): WorkerctlError {
  const target = linkTarget(file);
  return target === undefined
    ? new WorkerctlError('config', `${file}: no such config file`, {
        hint: advice,
        cause,
      })
    : new WorkerctlError('config', `${file}: is a link to ${target}, which does not exist`, {
        hint: 'create that file, point the link to another one, or name another file with --config',
        cause,
      });
}

/** What the link says, unchanged; undefined if there is no link. */
function linkTarget(file: string): string | undefined {
  try {
    return readlinkSync(file);
  } catch {
    return undefined;
  }
}
