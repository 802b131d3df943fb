import { isUtf8 } from 'node:buffer';
import type { ConfigProblem, Mismatch } from '../../core/basics/config-problem.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import { notText } from '../../core/basics/not-text.ts';
import { parseEnvFile, type EnvFile } from '../../core/protocols/env-file.ts';
import { readBytesUpTo } from '../files/bounded-read.ts';
import { silentPaths } from '../process/silent-paths.ts';
import { describeErrno } from '../files/errno.ts';
import { linkProblem, openToOthers } from '../files/trusted-path.ts';

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

function readEnvFile(path: string, before: ReadonlyMap<string, string>): EnvFile {
  if (silentPaths.has(path))
    throw new WorkerctlError('failed', `env file ${path}: its file system does not answer`);
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

function contentOf(path: string): Buffer | Mismatch {
  try {
    const content = readBytesUpTo(path);
    const problem = Buffer.isBuffer(content)
      ? (linkProblem(path) ?? openToOthers(path))
      : undefined;
    if (problem === undefined) return content;
    return {
      expected: 'a file that others cannot change',
      found: `one that others can: ${problem}`,
    };
  } catch (error) {
    throw new WorkerctlError('failed', `env file ${path}: ${describeErrno(error)}`, {
      cause: error,
    });
  }
}
