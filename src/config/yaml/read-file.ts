import { isUtf8 } from 'node:buffer';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { WorkerctlError } from '../../core/basics/error.ts';
import { configError } from '../problems.ts';

const sizeLimit = 1024 * 1024;

/** What is in a config file. */
export interface ConfigSource {
  readonly text: string;
  /** Whether everybody may read it: one that not everybody may read may hold secrets. */
  readonly isPublic: boolean;
}

/** Throws a `config` error that says why the file cannot be read. */
export function readConfigFile(file: string): ConfigSource {
  const { bytes, isPublic } = readBytes(file);
  if (bytes.length > sizeLimit) throw tooLarge(file, 'more than 1048576');
  const text = bytes.toString('utf8');
  if (!isUtf8(bytes)) throw notText(file, text, '\uFFFD', 'found other bytes');
  if (text.includes('\0')) throw notText(file, text, '\0', 'found a NUL byte');
  return { text, isPublic };
}

function readBytes(file: string): { bytes: Buffer; isPublic: boolean } {
  let fd: number | undefined;
  try {
    fd = openSync(file, 'r');
    const stat = fstatSync(fd);
    if (stat.isDirectory()) throw isFolder(file);
    if (stat.size > sizeLimit) throw tooLarge(file, String(stat.size));
    return { bytes: readUpTo(fd, sizeLimit + 1), isPublic: (stat.mode & 0o004) !== 0 };
  } catch (error) {
    throw error instanceof WorkerctlError ? error : unreadable(file, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Bounded, so that a pipe or /dev/zero cannot fill the memory. */
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

const isFolder = (file: string): WorkerctlError =>
  new WorkerctlError('config', `${file}: expected a config file, found a folder`, {
    hint: `name the file in it, such as ${file.replace(/\/$/, '')}/workerctl.yaml`,
  });

const tooLarge = (file: string, bytes: string): WorkerctlError =>
  new WorkerctlError('config', `${file}: expected a config of at most 1 MiB, found ${bytes} bytes`);

function unreadable(file: string, cause: unknown): WorkerctlError {
  const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new WorkerctlError('config', `${file}: no such config file`, {
        hint: 'run workerctl init to write a starter config, or name another file with --config',
        cause,
      });
    case 'EACCES':
      return new WorkerctlError('config', `${file}: this user may not read the config (EACCES)`, {
        hint: 'make the file and the folders above it readable for the user that runs workerctl',
        cause,
      });
    default:
      return new WorkerctlError('config', `${file}: the config cannot be read (${code})`, {
        cause,
      });
  }
}

function notText(file: string, text: string, bad: string, found: string): WorkerctlError {
  const before = text.slice(0, text.indexOf(bad)).split('\n');
  const message = `expected text in UTF-8, ${text.startsWith('\uFFFD\uFFFD') ? utf16 : found}`;
  const place = { line: before.length, column: (before.at(-1) ?? '').length + 1 };
  return configError(file, [{ path: [], at: 'value', message, ...place }]);
}

/** What is left of the two bytes that UTF-16 begins with. */
const utf16 = 'found UTF-16; save the file as UTF-8';
