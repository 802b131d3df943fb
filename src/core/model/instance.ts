import type { Worker } from './config.ts';

/** One instance of a worker, written `delayed_job.1`. */
export interface Instance {
  readonly name: string;
  readonly worker: Worker;
  readonly identifier: string;
}

/** The name of the instance of `worker` that has this identifier. */
export const instanceName = (worker: string, identifier: string): string =>
  `${worker}.${identifier}`;

/** The names of the instances that the config wants of a worker, in its order. */
export const instanceNames = ({ name, identifiers }: Worker): string[] =>
  identifiers.map((identifier) => instanceName(name, identifier));

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
