import { dirname } from 'node:path';
import { expandSpecifiers, instancesOf } from '../core/instance.ts';
import type { Config, Worker } from '../core/worker.ts';
import type { Problem } from './problem.ts';
import type { ConfigFile, SharedSection } from './schema.ts';
import { escapedSpecifiers } from './specifiers.ts';
import { named, namePattern } from './value-schema.ts';

/** A host name that no path can hold. */
const anyHost = '\0';

/** What shows only in the whole: instances that share an identifier or a file. */
export function clashesOf(config: Config, file: ConfigFile): Problem[] {
  const folder = escapedSpecifiers(config.stateDir);
  return [
    ...config.workers.flatMap((worker) => badIdentifiers(worker, file)),
    ...config.workers.flatMap((worker) => stateFileTaken(worker, folder, file)),
    ...sharedPidfiles(config.workers, file),
  ];
}

function badIdentifiers(worker: Worker, file: ConfigFile): Problem[] {
  const seen = new Set<string>();
  return worker.identifiers.flatMap((identifier, index) => {
    const isNew = !seen.has(identifier);
    seen.add(identifier);
    // A number may be a whole one and still be written with a dot or a sign.
    const isName = namePattern.test(identifier);
    if (isNew && isName) return [];
    const { path } = placeOf('identifiers', worker, file);
    const message = isName
      ? `"${identifier}" is there twice; identifiers tell instances apart`
      : `expected ${named}, found ${identifier}`;
    return [{ path: [...path, index], at: 'value', message }];
  });
}

/** Locks, records and the journal lie in the state directory: no pidfile or log may take their names. */
function stateFileTaken(worker: Worker, folder: string, file: ConfigFile): Problem[] {
  const takes = (path: string, end: string) => dirname(path) === folder && !path.endsWith(end);
  const problem = (key: 'pidfile' | 'log', end: string): Problem => ({
    ...placeOf(key, worker, file),
    message: `expected a name that ends in ${end}, since it is in the state directory`,
  });
  return [
    ...(takes(worker.pidfile, '.pid') ? [problem('pidfile', '.pid')] : []),
    ...(takes(worker.logFile, '.log') ? [problem('log', '.log')] : []),
  ];
}

/** At most one problem a worker: the others have the same cause. */
function sharedPidfiles(workers: readonly Worker[], file: ConfigFile): Problem[] {
  const owners = new Map<string, string>();
  return workers.flatMap((worker) => {
    const shared = instancesOf(worker).flatMap((instance) => {
      const path = expandSpecifiers(worker.pidfile, instance, anyHost);
      const owner = owners.get(path);
      if (owner === undefined) owners.set(path, instance.name);
      return owner === undefined || owner === instance.name
        ? []
        : [{ path, owner, name: instance.name }];
    });
    return shared.slice(0, 1).map(({ path, owner, name }) => ({
      ...placeOf('pidfile', worker, file),
      message: `${owner} and ${name} would share ${path.replace(anyHost, '%H')}; put %n into the name`,
    }));
  });
}

/** Where a worker got this key from: itself, the defaults, or neither. */
function placeOf(
  key: keyof SharedSection,
  { name }: Worker,
  file: ConfigFile,
): Pick<Problem, 'path' | 'at'> {
  if (file.workers[name]?.[key] !== undefined) return { path: ['workers', name, key], at: 'value' };
  if (file.defaults?.[key] !== undefined) return { path: ['defaults', key], at: 'value' };
  return { path: ['workers', name], at: 'key' };
}
