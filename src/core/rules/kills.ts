import { durationOf, elapsed, formatDuration, type Duration } from '../basics/time.ts';
import type { Action } from '../model/action.ts';
import { heldJobs } from '../model/activity.ts';
import type { HeartbeatPolicy } from '../model/config.ts';
import { keyOf } from '../model/instance.ts';
import {
  drainingSince,
  liveProcess,
  refOf,
  unclearStop,
  type ObservedInstance,
} from '../model/observation.ts';
import type { ProcessIdentity } from '../model/process.ts';
import { extended } from './extension.ts';
import { deadlineOf, type Snapshot } from './snapshot.ts';

/** A process that is both silent and overdue is killed once. */
export function killed(snapshot: Snapshot): Action[] {
  const late = overdue(snapshot);
  const killed = new Set(late.map(keyOf));
  return [...late, ...unresponsive(snapshot).filter((action) => !killed.has(keyOf(action)))];
}

/** Processes that were asked to exit, or may have been, and whose limit, if they have one, is over. */
function overdue(snapshot: Snapshot): Action[] {
  const { now, sinceBoot } = snapshot;
  return snapshot.everyNotable().flatMap(({ observed }) => {
    const process = liveProcess(observed);
    const asked = drainingSince(observed);
    const isMeant = asked !== undefined || unclearStop(observed) !== undefined;
    const deadline = deadlineOf(observed, snapshot);
    if (process === undefined || !isMeant || deadline === undefined) return [];
    if (sinceBoot < deadline) return [];
    const cause =
      asked === undefined
        ? 'the limit that a command has set is over'
        : `still draining after ${formatDuration(elapsed(asked.at, now))} (${asked.cause})`;
    return [
      {
        kind: 'kill' as const,
        ...refOf(observed),
        process,
        ...successorOf(observed),
        held: heldJobs(observed.activity),
        cause,
      },
    ];
  });
}

const successorOf = ({ presence }: ObservedInstance): { readonly successor?: ProcessIdentity } =>
  presence.kind === 'alive' && presence.successor !== undefined
    ? { successor: presence.successor }
    : {};

/** Until when a process may be silent, counted from the boot of the host. */
export function silentUntil(
  { presence }: ObservedInstance,
  { timeout }: HeartbeatPolicy,
  silence: Duration,
  sinceBoot: Duration,
): Duration {
  const end = durationOf(sinceBoot - silence + timeout);
  return presence.kind === 'alive' ? extended(end, presence.extension) : end;
}

/** Processes that give no sign of life. If they know a signal for it, they write down first what they are doing. */
function unresponsive(snapshot: Snapshot): Action[] {
  const { sinceBoot } = snapshot;
  return snapshot.everyNotable().flatMap(({ observed, worker }): Action[] => {
    const { silence, dumpedAt, activity } = observed;
    const process = liveProcess(observed);
    const { heartbeat } = worker;
    if (process === undefined || heartbeat === undefined || silence === undefined) return [];
    if (sinceBoot < silentUntil(observed, heartbeat, silence, sinceBoot)) return [];
    const cause = `no sign of life for ${formatDuration(silence)} (limit ${formatDuration(heartbeat.timeout)})`;
    if (heartbeat.dump !== undefined && dumpedAt === undefined)
      return [{ kind: 'dump', ...refOf(observed), process, signal: heartbeat.dump, cause }];
    const isGrace = dumpedAt !== undefined && sinceBoot < dumpedAt + heartbeat.grace;
    if (isGrace) return [];
    const notes = { ...successorOf(observed), isWatchdog: true, held: heldJobs(activity) };
    return [{ kind: 'kill', ...refOf(observed), process, ...notes, cause }];
  });
}
