import type { Config, GroupLimits } from '../../core/model/config.ts';
import type { GroupWay } from '../../core/rules/control-group.ts';
import { once } from '../../host/files/once.ts';
import { groupWayFrom } from '../../host/process/control-group.ts';
import { groupOf, ownGroup } from '../../host/process/process-table.ts';
import { findWatch } from '../watch/find-watch.ts';

/**
 * How the instances of a config would get control groups of their own: a watch, if there is one, starts them, from the group
 * that it is in itself.
 */
export function groupWays({
  stateDir,
}: Pick<Config, 'stateDir'>): (limits: GroupLimits) => GroupWay {
  const starter = once(() => {
    const watch = findWatch(stateDir);
    return watch === undefined ? ownGroup() : groupOf(watch.pid);
  });
  return (limits) => groupWayFrom(starter(), limits);
}
