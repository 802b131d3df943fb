import { basename } from 'node:path';
import { mismatchText } from '../../core/basics/config-problem.ts';
import { durationOf } from '../../core/basics/time.ts';
import type { ReleaseSource } from '../../core/model/config.ts';
import { describeErrno } from '../files/errno.ts';
import { readTextUpTo } from '../files/bounded-read.ts';
import type { Rights } from '../../core/model/account.ts';
import { asUserOf } from '../process/as-user.ts';
import { mountProblem } from '../process/mount-problem.ts';
import { problemOf, runProgram, type Program } from '../process/run-program.ts';
import { buildEnvironment } from './environment.ts';

/** The name of the current release, or in words why it is not known. */
export type Release =
  | { readonly kind: 'known'; readonly release: string }
  | { readonly kind: 'unknown'; readonly problem: string };

/** A pass waits for the release command. */
const commandTimeout = durationOf(10_000);

/**
 * The release by a file, or by a command that runs in this directory; a command is killed after `timeout`. Both are used with
 * the rights of the worker that asks.
 */
export async function namedRelease(
  source: Exclude<ReleaseSource, { readonly kind: 'directory' }>,
  directory: string,
  rights: Rights = {},
  timeout = commandTimeout,
): Promise<Release> {
  switch (source.kind) {
    case 'file': {
      const silence = await mountProblem(() => [source.path]);
      if (silence !== undefined) return { kind: 'unknown', problem: `release file ${silence}` };
      return asUserOf(rights, () => releaseInFile(source.path));
    }
    case 'command':
      return releaseByCommand(source.command, { directory, rights, timeout });
  }
}

/** The release that the last part of a path names, which must have no symbolic links; undefined for the root. */
export const releaseAt = (path: string): string | undefined =>
  firstLine(basename(path)) || undefined;

function releaseInFile(path: string): Release {
  const what = `release file ${path}`;
  try {
    const text = readTextUpTo(path);
    return typeof text === 'string'
      ? named(text, what, 'an empty first line')
      : unknownBecause(what, mismatchText(text));
  } catch (error) {
    return unknown(what, describeErrno(error));
  }
}

async function releaseByCommand(
  command: readonly string[],
  { directory, rights, timeout }: Pick<Program, 'directory' | 'timeout'> & { rights: Rights },
): Promise<Release> {
  const what = `release command ${command.join(' ')}`;
  const { runAs } = rights;
  const user = runAs === undefined ? {} : { runAs };
  const environment = buildEnvironment({ envFiles: [], env: {}, passEnv: [], ...user }, {});
  const { end, stdout, stderr } = await runProgram({
    ...{ command, directory, environment, timeout },
    rights: user,
  });
  const problem = problemOf(end);
  if (problem === undefined) return named(stdout, what, 'nothing on its first line');
  const said = end.kind === 'timed_out' ? '' : firstLine(stderr);
  const found = end.kind === 'timed_out' ? `that it ${problem}` : problem;
  return unknown(what, said === '' ? found : `${found}: ${said}`);
}

/** The first line of `text` as a release; `otherwise` says what was found if that line is empty. */
function named(text: string, what: string, otherwise: string): Release {
  const release = firstLine(text);
  return release === '' ? unknown(what, otherwise) : { kind: 'known', release };
}

const unknown = (what: string, found: string): Release =>
  unknownBecause(what, mismatchText({ expected: 'the name of a release', found }));

const unknownBecause = (what: string, words: string): Release => ({
  kind: 'unknown',
  problem: `${what}: ${words}`,
});

/** Almost all names match: the Unicode classes below take longer to compile than everything else here. */
const plain = /^[ -~]{0,100}$/;

/** The name goes to terminals and into records: no control characters, and at most 100 characters. */
function firstLine(text: string): string {
  const [first = ''] = text.split('\n', 1);
  if (plain.test(first)) return first.trim();
  const clean = first.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '').trim();
  return /^.{0,100}/u.exec(clean)?.[0].trimEnd() ?? '';
}
