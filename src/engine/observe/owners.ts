import type { Config } from '../../core/model/config.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import { ownerOf } from '../../host/process/as-user.ts';
import { userOf } from '../../host/process/process-table.ts';

/**
 * Whether a process is of another user than the one that the instance's worker runs as. A marker, a pidfile or an output may be
 * of anybody's making: to root they must not name the process of another.
 */
export function isOfAnotherUser({ workers }: Config, instance: string, pid: number): boolean {
  const worker = workers.find(({ name }) => name === workerNameOf(instance));
  const owner = worker && ownerOf(worker);
  return owner !== undefined && userOf(pid) !== owner;
}
