import type { Worker } from './config.ts';

/** One instance of a worker, written `delayed_job.1`. */
export interface Instance {
  readonly name: string;
  readonly worker: Worker;
  readonly identifier: string;
}

/**
 * Which process of an instance: the one that the instance is now, or, with `retiring` (its run), an old one that drains
 * beside its replacement.
 */
export interface ProcessRef {
  readonly instance: string;
  readonly retiring?: string;
}

/** Tells such processes apart in maps and in what is remembered of them: `mail.1`, `mail.1/2298f067`. */
export const keyOf = ({ instance, retiring }: ProcessRef): string =>
  retiring === undefined ? instance : `${instance}/${retiring}`;

/** Whether such a key is one of an old process. */
export const isKeyOfRetiring = (key: string): boolean => key.includes('/');

/** The name as people read it: `mail.1`, `mail.1 (retiring)`. */
export const shownName = ({ instance, retiring }: ProcessRef): string =>
  retiring === undefined ? instance : `${instance} (retiring)`;

/** The name of the instance of `worker` that has this identifier. */
export const instanceName = (worker: string, identifier: string): string =>
  `${worker}.${identifier}`;

/** The names of the instances that the config wants of a worker, in its order. */
export function instanceNames({ name: worker, identifiers }: Worker): readonly string[] {
  const known = knownNames.get(identifiers);
  if (known?.worker === worker) return known.names;
  const names = identifiers.map((identifier) => instanceName(worker, identifier));
  knownNames.set(identifiers, { worker, names });
  return names;
}

/** A decision about a thousand instances looks up each by its name in many places: a name that is made anew is hashed anew. */
const knownNames = new WeakMap<
  readonly string[],
  { readonly worker: string; readonly names: readonly string[] }
>();

/** The first of them, or the one that would be the first. */
export const firstInstance = ({ name, identifiers: [first = '1'] }: Worker): string =>
  instanceName(name, first);

/** The instances that the config wants of a worker, in its order. */
export const instancesOf = (worker: Worker): readonly Instance[] =>
  worker.identifiers.map((identifier) => ({
    name: instanceName(worker.name, identifier),
    worker,
    identifier,
  }));

/** `text` with its specifiers (`%i %p %n %H %%`, as in systemd units) replaced for this instance. */
export function expandSpecifiers(text: string, instance: Instance, hostName: string): string {
  if (!text.includes('%')) return text;
  return text.replace(/%([ipnH%])/g, (_, specifier: string) => {
    switch (specifier) {
      case 'i':
        return instance.identifier;
      case 'p':
        return instance.worker.name;
      case 'n':
        return instance.name;
      case 'H':
        return hostName;
      default:
        return '%';
    }
  });
}
