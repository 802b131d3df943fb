import { hostname } from 'node:os';
import { dirname, resolve } from 'node:path';
import {
  placedProblem,
  problemText,
  type ConfigProblem,
} from '../../core/basics/config-problem.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import { parseConfig } from '../../config/load.ts';
import { problemsOn } from '../check.ts';
import { withoutKey, type Draft } from './draft.ts';
import type { Note } from './found.ts';
import { configTemplate } from './template.ts';

/** A text that passes `check`, and what had to be left out for that. */
export interface Settled {
  readonly text: string;
  readonly draft: Draft;
  readonly leftOut: readonly Note[];
}

/**
 * The text of a config that passes `check`: what another program accepts and we do not is left out, one key after the other,
 * and noted.
 */
export function settle(path: string, proposed: Draft): Settled {
  const leftOut: Note[] = [];
  let draft = proposed;
  for (;;) {
    const text = configTemplate(draft);
    const { problems: all, isOfHost } = problemsIn(path, text);
    const problems = isOfHost ? onePerWorker(all) : all;
    const [first] = problems;
    if (first === undefined) return { text, draft, leftOut };
    const smaller = problems.reduce(withoutProblem(dirname(path), isOfHost), draft);
    // What is wrong is a default, or follows from several keys: the worker cannot be kept.
    const without = smaller === draft ? problems.reduce(withoutWorker, draft) : smaller;
    if (without === draft)
      throw new Error(`init wrote what it cannot read: ${placedProblem(first)}`);
    leftOut.push(...problems.map((problem) => noteOf(draft, problem, isOfHost)));
    draft = without;
  }
}

/** What `check` would refuse: something in the text, or else something that this host lacks. */
function problemsIn(
  path: string,
  text: string,
): { readonly problems: readonly ConfigProblem[]; readonly isOfHost: boolean } {
  try {
    const config = parseConfig(path, text);
    const nowhere = () => ({ line: 1, column: 1 });
    return { problems: problemsOn(config, hostname(), nowhere), isOfHost: true };
  } catch (error) {
    if (error instanceof WorkerctlError && error.problems !== undefined)
      return { problems: error.problems, isOfHost: false };
    throw error;
  }
}

/** What a host lacks is often lacking for one reason: the others are looked at again without it. */
const onePerWorker = (problems: readonly ConfigProblem[]): readonly ConfigProblem[] => [
  ...new Map(
    [...problems].reverse().map((one) => [
      pathOf(one.key ?? '')
        .slice(0, 2)
        .join('.'),
      one,
    ]),
  ).values(),
];

/** Keys as `workers.mail.env.FOO`, list items as `workers.mail.env_files[0]`. */
const pathOf = (key: string): readonly string[] =>
  [...key.replace(/\[\d+\].*$/s, '').matchAll(/"((?:[^"\\]|\\.)*)"|[^.]+/gs)].map(
    ([part, quoted]) => quoted ?? part,
  );

const withoutProblem =
  (base: string, isOfHost: boolean) =>
  (draft: Draft, { key = '', file }: ConfigProblem): Draft => {
    const [top = '', name = ''] = pathOf(key);
    if (top !== 'workers' && top !== 'defaults') return withoutEnvFile(draft, file, base);
    // A user who is not there, or cannot use the directory or the log: the rest is right.
    const userPath = [top, name, 'user'];
    return isOfHost && top === 'workers' && !key.includes('.limits.') && hasKey(draft, name, 'user')
      ? withoutKey(withoutKey(draft, userPath), [top, name, 'group'])
      : withoutKey(draft, pathOf(key));
  };

const withoutWorker = (draft: Draft, { key = '' }: ConfigProblem): Draft =>
  withoutKey(draft, pathOf(key).slice(0, 2));

const hasKey = ({ workers }: Draft, name: string, key: string): boolean =>
  workers.some((worker) => worker.name === name && Object.hasOwn(worker.keys, key));

/** An env file that sh could not read; all of them if it cannot be told which one it is. */
function withoutEnvFile(draft: Draft, file: string, base: string): Draft {
  const owners = [
    { path: ['defaults', 'env_files'], keys: draft.defaults },
    ...draft.workers.map(({ name, keys }) => ({ path: ['workers', name, 'env_files'], keys })),
  ].filter(({ keys }) => keys['env_files'] !== undefined);
  const named = owners.filter(({ keys: { env_files: files = [] } }) =>
    [files].flat().some((one) => typeof one === 'string' && resolve(base, one) === file),
  );
  return (named.length > 0 ? named : owners).reduce(
    (smaller, { path }) => withoutKey(smaller, path),
    draft,
  );
}

/** At the place of the worker in its source: the config that the problem is in is not written. */
function noteOf({ workers }: Draft, problem: ConfigProblem, isOfHost: boolean): Note {
  const [top, name] = pathOf(problem.key ?? '');
  const worker = top === 'workers' ? workers.find((one) => one.name === name) : undefined;
  const { user } = worker?.keys ?? {};
  const also =
    isOfHost && typeof user === 'string' && problem.key?.includes('.limits.') !== true
      ? `user ${user} was left out, because of this`
      : 'left out';
  const words = `${also}: ${problemText(problem)}`;
  return worker === undefined ? { file: problem.file, words } : { ...worker.at, words };
}
