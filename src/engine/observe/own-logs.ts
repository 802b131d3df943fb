import { instanceNames } from '../../core/model/instance.ts';
import { logFileOf } from '../../core/model/launch.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import { once } from '../../host/files/once.ts';
import type { Scene } from '../scene.ts';

/** The logs that only this instance writes to, of its configured one and of the one in its record. */
export type OwnLogs = (instance: string, recorded?: string) => readonly string[];

/** Looks the logs up with the first question. */
export function ownLogsIn({ config, hostName }: Pick<Scene, 'config' | 'hostName'>): OwnLogs {
  const workers = new Map(config.workers.map((worker) => [worker.name, worker]));
  const logOf = (name: string): string | undefined => {
    const worker = workers.get(workerNameOf(name));
    return worker && logFileOf(worker, name, hostName);
  };
  const owners = once(() => {
    const found = new Map<string, string | undefined>();
    for (const name of config.workers.flatMap(instanceNames)) {
      const log = logOf(name) ?? '';
      found.set(log, found.has(log) ? undefined : name);
    }
    return found;
  });
  const isOwn = (log: string, instance: string): boolean =>
    !owners().has(log) || owners().get(log) === instance;
  return (instance, recorded) =>
    [logOf(instance), recorded].filter(
      (log): log is string => log !== undefined && isOwn(log, instance),
    );
}
