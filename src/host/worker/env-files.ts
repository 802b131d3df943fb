import { isUtf8 } from 'node:buffer';
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import type { ConfigProblem, Mismatch } from '../../core/basics/config-problem.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import { notText } from '../../core/basics/not-text.ts';
import { parseEnvFile, type EnvFile } from '../../core/protocols/env-file.ts';
import { describeErrno } from '../files/errno.ts';

/** What env files set, and what is wrong in them. */
export interface EnvFiles {
  readonly variables: ReadonlyMap<string, string>;
  readonly problems: readonly ConfigProblem[];
}

/**
 * The variables of these files in their order: each may use those of the ones before it, and of `base`.
 * @throws WorkerctlError `failed` if one cannot be read
 */
export function readEnvFiles(
  paths: readonly string[],
  base: ReadonlyMap<string, string>,
): EnvFiles {
  const variables = new Map<string, string>();
  const problems = paths.flatMap((file) => {
    const read = readEnvFile(file, new Map([...base, ...variables]));
    for (const [name, value] of read.variables) variables.set(name, value);
    return read.problems.map((problem) => ({ file, ...problem }));
  });
  return { variables, problems };
}

const sizeLimit = 1024 * 1024;

function readEnvFile(path: string, before: ReadonlyMap<string, string>): EnvFile {
  const content = contentOf(path);
  if (!Buffer.isBuffer(content)) return refused({ line: 1, column: 1, ...content });
  const text = content.toString('utf8');
  const problem = notText(text, isUtf8(content));
  return problem === undefined ? parseEnvFile(text, before) : refused(problem);
}

const refused = (problem: EnvFile['problems'][number]): EnvFile => ({
  variables: new Map(),
  problems: [problem],
});

/** Never waits for a FIFO or a device, and never reads without a bound. */
function contentOf(path: string): Buffer | Mismatch {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const stats = fstatSync(fd);
    if (!stats.isFile()) return { expected: 'a file', found: kindOf(stats) };
    if (stats.size > sizeLimit) return { expected: 'at most 1 MiB', found: `${stats.size} bytes` };
    const bytes = Buffer.alloc(stats.size);
    return bytes.subarray(0, readSync(fd, bytes));
  } catch (error) {
    throw new WorkerctlError('failed', `env file ${path}: ${describeErrno(error)}`, {
      cause: error,
    });
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory';
  return stats.isFIFO() ? 'a FIFO' : 'a device';
}
