import { existsSync } from 'node:fs';
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
import { desiredPath } from '../../host/state/desired-file.ts';
import { lastLines } from '../../host/logs/tail.ts';
import { reportExit } from '../apply/report-exit.ts';
import { shownLogLines } from '../apply/start-instances.ts';
import { loggerIn, report } from '../session.ts';
import { reportLeftAlone } from './carry-on.ts';
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
  if (presence.kind === 'alive' && presence.record.launch === undefined && launching.delete(name))
    report(context, name, {
      kind: 'started',
      pid: presence.process.pid,
      cause: 'named by its pidfile',
    });
  if (renewal.state === 'empty' && !exited.has(name)) {
    reportExit(context, { instance: name }, observation);
    exited.add(name);
  }
  if ((renewal.state === 'late' || renewal.state === 'died') && !failed.has(name)) {
    const { record, problem } = renewal;
    report(context, name, {
      kind: 'start_failed',
      problem,
      logFile: record.log.path,
      log: lastLines(record.log.path, record.log.offset, shownLogLines),
      ...loggerIn(context, name),
    });
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

/** Instances that were stopped or held meanwhile, or are not wanted any more, are not waited for. */
export function leaveAlone(up: Up, snapshot: Snapshot): void {
  const { config, desired, now } = snapshot;
  const { context, leftAlone, ready, failed, request } = up;
  const wanted = new Set(config.workers.flatMap(instanceNames));
  const named = request.instances.filter(
    (name) =>
      (isStopped(desired, name) || isHeld(desired, name, now) || !wanted.has(name)) &&
      !leftAlone.has(name) &&
      !ready.has(name) &&
      !failed.has(name),
  );
  reportLeftAlone(context, snapshot, named);
  for (const name of named) leftAlone.add(name);
}

/** A later restart may have taken instances over. */
export function reportTakeover(up: Up, desired: Desired): void {
  const { rolloutId, instances } = up.request;
  if (rolloutId === undefined) return;
  for (const name of instances) {
    const other = rolloutOf(desired, name);
    if (other === undefined || other.id === rolloutId || up.failed.has(name) || up.ready.has(name)) continue;
    report(up.context, name, {
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
  if (rollout === undefined)
    return endOf(rolloutId, desired, existsSync(desiredPath(up.context.config.stateDir)));
  if (rollout.aborted === undefined) return undefined;
  reportAbort(up, rollout, rollout.aborted);
  return { kind: 'aborted' };
}

/** How a rollout that is no longer there has ended; undefined: all that it was for is reached. */
function endOf(rolloutId: string, { ended }: Desired, isKnown: boolean): GivenUp | undefined {
  const end = ended.findLast(({ id }) => id === rolloutId);
  if (end === undefined) return isKnown ? undefined : { kind: 'lost' };
  return end.how === 'done' || end.how === 'recovered' ? undefined : { kind: 'ended', ended: end };
}

/** Once, also if another command's pass has found it out. */
function reportAbort(up: Up, { replaces }: Rollout, { instance, problem }: Abort): void {
  if (up.isAborted) return;
  const pendingCount = Object.keys(replaces).filter((name) => !up.exited.has(name)).length;
  report(up.context, instance, { kind: 'rollout_aborted', problem, pendingCount });
}
