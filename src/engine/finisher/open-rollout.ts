import type { Config } from '../../core/model/config.ts';
import type { Rollout } from '../../core/model/desired.ts';
import { instanceNames } from '../../core/model/instance.ts';
import { readDesired } from '../../host/state/desired-file.ts';

/** A rollout that is not over and was not aborted. */
export const openRollout = (stateDir: string, rolloutId: string): Rollout | undefined =>
  readDesired(stateDir).rollouts.find(
    ({ id, aborted }) => id === rolloutId && aborted === undefined,
  );

/** The instances of a rollout that a finisher brings up: those whose worker wants that. */
export function finishedInstances({ workers }: Config, { replaces }: Rollout): string[] {
  return workers
    .filter(({ restart }) => restart.finisher)
    .flatMap(instanceNames)
    .filter((name) => Object.hasOwn(replaces, name));
}
