import { existsSync } from 'node:fs';
import { lookup } from '../../core/basics/lookup.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import type { Worker } from '../../core/model/config.ts';
import type { Desired, Origin, Pin, Rollout } from '../../core/model/desired.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import { now } from '../../host/process/clock.ts';
import type { Launches } from '../observe/launches.ts';
import { report, type Context } from '../session.ts';

/**
 * What is wanted once rollouts were aborted: with `restart.on_failure: rollback` the worker whose replacement failed is
 * pinned to the directory that it ran in before. If that cannot help, the abort says why.
 */
export async function rolledBack(
  context: Context,
  launches: Launches,
  before: Desired,
  desired: Desired,
): Promise<Desired> {
  let after = desired;
  for (const rollout of desired.rollouts) {
    const { aborted } = rollout;
    const wasOpen = before.rollouts.find(({ id }) => id === rollout.id)?.aborted === undefined;
    if (aborted === undefined || !wasOpen) continue;
    const name = workerNameOf(aborted.instance);
    const worker = context.config.workers.find((one) => one.name === name);
    if (worker?.restart.onFailure !== 'rollback') continue;
    const origin = lookup(rollout.origins ?? {}, name);
    const problem = await obstacleTo(worker, aborted.instance, origin, launches);
    if (origin !== undefined && problem === undefined) {
      const pin: Pin = { ...origin, at: now(), by: rollout.by };
      after = { ...after, pins: { ...after.pins, [name]: pin } };
      const release = origin.release === undefined ? {} : { release: origin.release };
      report(context, name, { kind: 'rollout_pinned', directory: origin.directory, ...release });
    } else after = { ...after, rollouts: after.rollouts.map(explained(rollout, problem ?? '')) };
  }
  return after;
}

const explained =
  ({ id }: Rollout, problem: string) =>
  (one: Rollout): Rollout =>
    one.id === id && one.aborted !== undefined
      ? {
          ...one,
          aborted: {
            ...one.aborted,
            problem: `${one.aborted.problem}; not rolled back: ${problem}`,
          },
        }
      : one;

/** Why a start in the old directory would not bring back what ran there. */
async function obstacleTo(
  worker: Worker,
  instance: string,
  origin: Origin | undefined,
  launches: Launches,
): Promise<string | undefined> {
  if (origin === undefined) return 'it is not known where its processes ran before';
  const { directory, commandDigest } = origin;
  if (!existsSync(directory)) return `${directory} is gone`;
  if (launches.digestOf(worker) !== commandDigest)
    return 'the config starts it in another way than before';
  const { place } = await launches.of(worker, instance);
  const isSame = !(place instanceof WorkerctlError) && place.path === directory;
  return isSame ? `it ran in ${directory} before, too` : undefined;
}
