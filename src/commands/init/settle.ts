import { hostname } from 'node:os';
import {
  placedProblem,
  problemText,
  type ConfigProblem,
} from '../../core/basics/config-problem.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import { parseConfig } from '../../config/load.ts';
import { wrongEnvFiles, wrongLogs } from '../check.ts';
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
    const problems = problemsIn(path, text);
    const [first] = problems;
    if (first === undefined) return { text, draft, leftOut };
    const without = problems.reduce(withoutProblem, draft);
    if (without === draft)
      throw new Error(`init wrote what it cannot read: ${placedProblem(first)}`);
    leftOut.push(...problems.map((problem) => noteOf(proposed, problem)));
    draft = without;
  }
}

/** What `check` would refuse. */
function problemsIn(path: string, text: string): readonly ConfigProblem[] {
  try {
    const config = parseConfig(path, text);
    const nowhere = () => ({ line: 1, column: 1 });
    return [...wrongEnvFiles(config, hostname()), ...wrongLogs(config, hostname(), nowhere)];
  } catch (error) {
    if (error instanceof WorkerctlError && error.problems !== undefined) return error.problems;
    throw error;
  }
}

/** Keys as `workers.mail.env.FOO`, list items as `workers.mail.env_files[0]`. */
const pathOf = (key: string): readonly string[] =>
  key
    .replace(/\[\d+\].*$/s, '')
    .split('.')
    .map((part) => part.replace(/^"(.*)"$/s, '$1'));

function withoutProblem(draft: Draft, { key = '', file }: ConfigProblem): Draft {
  return /^(?:workers|defaults)\./.test(key)
    ? withoutKey(draft, pathOf(key))
    : withoutEnvFile(draft, file);
}

/** An env file that sh could not read. */
function withoutEnvFile(draft: Draft, file: string): Draft {
  const names = (files: unknown): boolean =>
    Array.isArray(files) &&
    files.some((one) => String(one) === file || file.endsWith(`/${String(one)}`));
  if (names(draft.defaults['env_files'])) return withoutKey(draft, ['defaults', 'env_files']);
  const worker = draft.workers.find(({ keys }) => names(keys['env_files']));
  return worker === undefined ? draft : withoutKey(draft, ['workers', worker.name, 'env_files']);
}

/** At the place of the worker in its source: the config that the problem is in is not written. */
function noteOf({ workers }: Draft, problem: ConfigProblem): Note {
  const [top, name] = pathOf(problem.key ?? '');
  const worker = top === 'workers' ? workers.find((one) => one.name === name) : undefined;
  const words = `left out: ${problemText(problem)}`;
  return worker === undefined ? { file: problem.file, words } : { ...worker.at, words };
}
