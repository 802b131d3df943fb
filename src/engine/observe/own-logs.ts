import { instanceNames } from '../../core/model/instance.ts';
import { logFilesOf } from '../../core/model/launch.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import { once } from '../../host/files/once.ts';
import type { Scene } from '../scene.ts';

/** The logs that only this instance writes to, of its configured ones and of those in its record. */
export type OwnLogs = (instance: string, ...recorded: readonly string[]) => readonly string[];

/** Looks the logs up with the first question. */
export function ownLogsIn({ config, hostName }: Pick<Scene, 'config' | 'hostName'>): OwnLogs {
  const workers = new Map(config.workers.map((worker) => [worker.name, worker]));
  const logsOf = (name: string): readonly string[] => {
    const worker = workers.get(workerNameOf(name));
    return worker === undefined ? [] : logFilesOf(worker, name, hostName);
  };
  const owners = once(() => {
    const found = new Map<string, string | undefined>();
    for (const name of config.workers.flatMap(instanceNames))
      for (const log of logsOf(name)) found.set(log, found.has(log) ? undefined : name);
    return found;
  });
  const isOwn = (log: string, instance: string): boolean =>
    !owners().has(log) || owners().get(log) === instance;
  return (instance, ...recorded) =>
    [...logsOf(instance), ...recorded].filter((log) => isOwn(log, instance));
}
