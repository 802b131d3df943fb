import { WorkerctlError } from '../basics/error.ts';
import { nearest } from '../basics/nearest.ts';
import { globMatcher, globProblem } from './glob.ts';
import { instanceNames } from './instance.ts';
import type { Config } from './config.ts';

/** The target that takes away what `target` names: `--except`. */
export const except = (target: string): string => `!${target}`;

const isException = (target: string): boolean => target.startsWith('!');

/** Whether targets name all instances, but for exceptions. */
export const nameAll = (targets: readonly string[]): boolean => targets.every(isException);

/**
 * The names of the instances that targets (`delayed_job`, `delayed_job.1`, `*.mail`, `@slow`) name, in the order of the
 * config; no target means all of the config's workers. `recorded` are the instances of which there are files: the config may
 * no longer have them.
 * @throws WorkerctlError `usage` for a target that names nothing, and if exceptions leave nothing
 */
export function selectInstances(
  config: Config,
  recorded: readonly string[],
  targets: readonly string[],
): string[] {
  const configured = config.workers.flatMap(instanceNames);
  const known = new Set(configured);
  const others = recorded.filter((name) => !known.has(name)).sort(byNumber);
  const all = [...configured, ...others];
  const { isNamed, isExcepted } = choiceOf(targets, (target) => matcherOf(config, all, target));
  const meant = nameAll(targets)
    ? [...configured, ...others.filter((name) => isOfConfig(config, name))]
    : all.filter(isNamed);
  const left = meant.filter((name) => !isExcepted(name));
  if (left.length > 0 || meant.length === 0) return left;
  throw new WorkerctlError('usage', '--except: nothing is left of what the targets name', {
    hint: `they name ${summary(meant)}`,
  });
}

/**
 * Whether targets name this instance, or worker, whatever instances the config has; no target names all. For what is about
 * the past.
 */
export function namedBy(
  targets: readonly string[],
  { workers }: Pick<Config, 'workers'>,
): (name: string) => boolean {
  const { isNamed, isExcepted } = choiceOf(targets, (target) => anyNameMatcher(workers, target));
  const isAll = nameAll(targets);
  return (name) => (isAll || isNamed(name)) && !isExcepted(name);
}

type Matches = (name: string) => boolean;

/** Whether one of the targets names an instance, and whether one of the exceptions among them does. */
function choiceOf(
  targets: readonly string[],
  matcher: (target: string) => Matches,
): { readonly isNamed: Matches; readonly isExcepted: Matches } {
  const anyOf = (some: readonly string[]): Matches => {
    if (some.length === 0) return () => false;
    const matchers = some.map(matcher);
    return (name) => matchers.some((matches) => matches(name));
  };
  return {
    isNamed: anyOf(targets.filter((target) => !isException(target))),
    isExcepted: anyOf(targets.filter(isException).map((target) => target.slice(1))),
  };
}

/** The worker's name in an instance's. */
export const workerNameOf = (instance: string): string => instance.slice(0, instance.indexOf('.'));

/** Whether the config has the worker of this instance. */
export const isOfConfig = (config: Config, instance: string): boolean =>
  config.workers.some(({ name }) => name === workerNameOf(instance));

/** The tags of all workers, as targets: `@slow`. */
export const tagsOf = ({ workers }: Pick<Config, 'workers'>): readonly string[] => [
  ...new Set(workers.flatMap(({ tags = [] }) => tags.map((tag) => `@${tag}`))),
];

/** `mail.2` before `mail.10`. */
const byNumber = (a: string, b: string): number => a.localeCompare(b, 'en', { numeric: true });

/** Whether a target names an instance, or a worker. */
function anyNameMatcher(workers: Config['workers'], target: string): Matches {
  const matches = globMatcher(target);
  if (!target.startsWith('@'))
    return (name) => matches(name) || (name.includes('.') && matches(workerNameOf(name)));
  const tagged = new Set(
    workers.flatMap(({ name, tags = [] }) => (tags.some((tag) => matches(`@${tag}`)) ? name : [])),
  );
  return (name) => tagged.has(name.includes('.') ? workerNameOf(name) : name);
}

function matcherOf(config: Config, all: readonly string[], target: string): Matches {
  const problem = globProblem(target);
  if (problem !== undefined) throw new WorkerctlError('usage', `target ${target}: ${problem}`);
  const matches = anyNameMatcher(config.workers, target);
  if (all.some(matches)) return matches;
  if (config.workers.some(({ name }) => matches(name))) return matches; // a worker with count 0
  throw namesNothing(config, all, target);
}

function namesNothing(config: Config, all: readonly string[], target: string): WorkerctlError {
  const workers = config.workers.map(({ name }) => name);
  const isTag = target.startsWith('@');
  const known = isTag ? tagsOf(config) : [...config.workers.flatMap(instanceNames), ...workers];
  const meant = nearest(target, known);
  const expected = isTag ? 'a tag of a worker' : 'a worker, an instance or a glob that names one';
  const advice = meant === undefined ? '' : `; did you mean ${meant}?`;
  return new WorkerctlError(
    'usage',
    `target ${JSON.stringify(target)}: expected ${expected}, found none${advice}`,
    {
      hint: isTag
        ? `tags: ${known.length === 0 ? 'none; see tags in docs/config.md' : summary(known)}`
        : `workers: ${summary(workers)}; their instances: ${summary(all)}`,
    },
  );
}

function summary(names: readonly string[]): string {
  const shown = names.slice(0, 8).join(', ');
  return names.length > 8 ? `${shown}, … (${names.length})` : shown;
}
