import {
  isHeld,
  isStopped,
  rolloutOf,
  type Abort,
  type Desired,
  type Rollout,
} from '../../core/model/desired.ts';
import { instanceNames } from '../../core/model/instance.ts';
import type { Observation } from '../../core/model/observation.ts';
import type { Snapshot } from '../../core/rules/snapshot.ts';
import { asUserOf } from '../../host/process/as-user.ts';
import { rightsIn } from '../../core/model/account.ts';
import { lastWordsOf } from '../../host/logs/tail.ts';
import { reportExit } from '../apply/report-exit.ts';
import { shownLogLines } from '../apply/start-instances.ts';
import { loggerIn, report } from '../session.ts';
import type { Placed, Up } from './coming-up.ts';
import type { GivenUp } from './settle.ts';

/** Reports what this look shows of an instance for the first time. */
export function reportChanges(
  up: Up,
  { observed, renewal }: Placed,
  observation: Observation,
): void {
  const { context, exited, failed, ready, launching } = up;
  const { name, presence } = observed;
  if (presence.kind === 'alive' && presence.record.launch === undefined && launching.delete(name)) {
    // If its command has failed, what that has left behind is reported as a failed start, with its pid.
    if (presence.record.launchExit === undefined)
      report(context, name, {
        kind: 'started',
        pid: presence.process.pid,
        cause: 'named by its pidfile',
      });
  }
  if (renewal.state === 'empty' && !exited.has(name)) {
    reportExit(context, { instance: name }, observation);
    exited.add(name);
  }
  if ((renewal.state === 'late' || renewal.state === 'died') && !failed.has(name)) {
    const { record, problem } = renewal;
    report(context, name, {
      kind: 'start_failed',
      problem,
      ...asUserOf(rightsIn(context.config, name), () => lastWordsOf(record, shownLogLines)),
      ...loggerIn(context, name),
    });
  }
  if (renewal.state === 'done' && !ready.has(name)) {
    ready.add(name);
    if (presence.kind === 'dead')
      report(context, name, { kind: 'finished', pid: presence.record.pid, death: presence.death });
  }
  if (renewal.state === 'ready' && !ready.has(name)) {
    ready.add(name);
    const release =
      observed.presence.kind === 'alive' ? observed.presence.record.release : undefined;
    report(context, name, {
      kind: 'ready',
      pid: renewal.process.pid,
      ...(release !== undefined && { release }),
    });
  }
}

/** The instances that are not waited for as things are: they were stopped, are held or are not wanted any more. */
export function waivedIn({ request, ready, failed }: Up, snapshot: Snapshot): string[] {
  const { config, desired, now } = snapshot;
  const wanted = new Set(config.workers.flatMap(instanceNames));
  return request.instances.filter(
    (name) =>
      !ready.has(name) &&
      !failed.has(name) &&
      (isStopped(desired, name) || isHeld(desired, name, now) || !wanted.has(name)),
  );
}

/** A later restart may have taken instances over. */
export function reportTakeover({ request, context, takenOver, ready }: Up, desired: Desired): void {
  const { rolloutId, instances } = request;
  if (rolloutId === undefined) return;
  for (const name of instances) {
    const other = rolloutOf(desired, name);
    if (other === undefined || other.id === rolloutId || takenOver.has(name)) continue;
    takenOver.add(name);
    if (ready.has(name)) continue;
    report(context, name, {
      kind: 'rollout_superseded',
      requestedBy: other.by,
      requestedAt: other.at,
    });
  }
}

/** Whether the restart is over though not all was reached, and why. */
export function givenUpBy(up: Up, desired: Desired): GivenUp | undefined {
  const { rolloutId } = up.request;
  if (rolloutId === undefined) return undefined;
  const rollout = desired.rollouts.find(({ id }) => id === rolloutId);
  if (rollout === undefined) return endOf(rolloutId, desired);
  if (rollout.aborted === undefined) return undefined;
  reportAbort(up, rollout, rollout.aborted);
  return { kind: 'aborted' };
}

/** How a rollout that is no longer there has ended; undefined: all that it was for is reached. */
function endOf(rolloutId: string, { ended }: Desired): GivenUp | undefined {
  const end = ended.findLast(({ id }) => id === rolloutId);
  switch (end?.how) {
    case undefined:
      return { kind: 'lost' };
    case 'done':
      return undefined;
    case 'recovered':
    case 'rolled_back':
      return { kind: 'aborted' };
    case 'cancelled':
    case 'stopped':
    case 'taken_over':
      return { kind: 'ended', ended: end };
  }
}

/** Once, also if another command's pass has found it out. */
function reportAbort(up: Up, { replaces }: Rollout, { instance, problem }: Abort): void {
  if (up.isAborted) return;
  const pendingCount = Object.keys(replaces).filter((name) => !up.exited.has(name)).length;
  report(up.context, instance, { kind: 'rollout_aborted', problem, pendingCount });
}
