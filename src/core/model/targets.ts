import { WorkerctlError } from '../basics/error.ts';
import { nearest } from '../basics/nearest.ts';
import { instanceNames } from './instance.ts';
import type { Config } from './config.ts';

/**
 * The names of the instances that targets (`delayed_job`, `delayed_job.1`, `*.mail`) name, in the order of the config;
 * no target means all of the config's workers. `recorded` are the instances of which there are files: the config may no
 * longer have them.
 * @throws WorkerctlError `usage` for a target that names nothing
 */
export function selectInstances(
  config: Config,
  recorded: readonly string[],
  targets: readonly string[],
): string[] {
  const configured = config.workers.flatMap(instanceNames);
  const known = new Set(configured);
  const others = recorded.filter((name) => !known.has(name)).sort(byNumber);
  if (targets.length === 0)
    return [...configured, ...others.filter((name) => isOfConfig(config, name))];
  const all = [...configured, ...others];
  const matchers = targets.map((target) => matcherOf(config, all, target));
  return all.filter((name) => matchers.some((matches) => matches(name)));
}

/**
 * Whether targets name this instance, or worker, whatever the config has; no target names all. For what is about the past.
 */
export function namedBy(targets: readonly string[]): (name: string) => boolean {
  const patterns = targets.map(globPattern);
  return (name) =>
    patterns.length === 0 ||
    patterns.some(
      (pattern) => pattern.test(name) || (name.includes('.') && pattern.test(workerNameOf(name))),
    );
}

/** The worker's name in an instance's. */
export const workerNameOf = (instance: string): string => instance.slice(0, instance.indexOf('.'));

/** Whether the config has the worker of this instance. */
export const isOfConfig = (config: Config, instance: string): boolean =>
  config.workers.some(({ name }) => name === workerNameOf(instance));

/** `mail.2` before `mail.10`. */
const byNumber = (a: string, b: string): number => a.localeCompare(b, 'en', { numeric: true });

function matcherOf(
  config: Config,
  all: readonly string[],
  target: string,
): (name: string) => boolean {
  const pattern = globPattern(target);
  const matches = (name: string): boolean => pattern.test(name) || pattern.test(workerNameOf(name));
  if (all.some(matches)) return matches;
  if (config.workers.some(({ name }) => pattern.test(name))) return matches; // a worker with count 0
  const workers = config.workers.map(({ name }) => name);
  const meant = nearest(target, [...config.workers.flatMap(instanceNames), ...workers]);
  throw new WorkerctlError(
    'usage',
    `target ${JSON.stringify(target)}: expected a worker, an instance or a glob that names one, found none${
      meant === undefined ? '' : `; did you mean ${meant}?`
    }`,
    { hint: `workers: ${summary(workers)}; their instances: ${summary(all)}` },
  );
}

function summary(names: readonly string[]): string {
  const shown = names.slice(0, 8).join(', ');
  return names.length > 8 ? `${shown}, … (${names.length})` : shown;
}

/** `*` is any number of characters, `?` is one; everything else stands for itself. */
function globPattern(glob: string): RegExp {
  const source = glob
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/\?/g, '.');
  return new RegExp(`^${source}$`);
}
