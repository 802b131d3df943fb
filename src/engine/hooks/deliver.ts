import { durationOf, momentOf, type Duration, type Moment } from '../../core/basics/time.ts';
import { occasions, type NotifyPolicy, type Occasion } from '../../core/model/config.ts';
import { retryPause } from '../../core/rules/retry-pause.ts';
import {
  mostInMessage,
  notificationOf,
  type NotifiedEvent,
} from '../../core/views/notification.ts';
import { faultPoint, testable } from '../../host/files/fault-point.ts';
import { lockBackend } from '../../host/lock/choose-backend.ts';
import { monotonicMs, now, sleep } from '../../host/process/clock.ts';
import {
  notifyFolder,
  removeEmpty,
  removeSpooled,
  spooledIn,
} from '../../host/state/hook-spool.ts';
import {
  forgetMissed,
  forgetUndelivered,
  missedIn,
  readUndelivered,
  writeUndelivered,
} from '../../host/state/undelivered.ts';
import { dueIn, type Due } from './due.ts';
import type { HookScene } from './note.ts';
import { send, type Failure } from './send.ts';

/** What happens within this time after the first event goes into the same message. */
const gatherMs = testable('GATHER_MS', 1_000);

/**
 * Delivers the events that wait, in as few messages as possible. If another command does it already, it is left to that. An
 * event leaves the spool only when a message with it was delivered: a command that is killed in between makes it come twice.
 * @returns how long until the next attempt, if one has failed
 */
export async function deliver(scene: HookScene): Promise<Duration | undefined> {
  const { stateDir, notify } = scene.config;
  const folder = notifyFolder(stateDir);
  while (dueIn(scene, folder).length > 0) {
    const pause = pauseIn(stateDir);
    if (pause !== undefined) return pause;
    const [lock] = await lockBackend().tryLock([`${stateDir}/notify.lock`]);
    if (lock === undefined) return undefined;
    try {
      if (notify === undefined) dropAll(scene, folder);
      else if (!(await deliverNext(scene, notify, folder))) return pauseIn(stateDir);
    } finally {
      await lock.release();
    }
  }
  if (spooledIn(folder).length === 0) forget(stateDir);
  removeEmpty(folder); // a command that was killed may have left it
  return undefined;
}

/** How long the next attempt has to wait because the last one has failed. */
function pauseIn(stateDir: string): Duration | undefined {
  const failing = readUndelivered(stateDir);
  if (failing === undefined) return undefined;
  const left = failing.nextAt - now();
  // A clock that was set back must not make it wait for long.
  return left <= 0 || left > retryPause(Infinity) ? undefined : durationOf(left);
}

/** The config no longer has `notify`. */
function dropAll(scene: HookScene, folder: string): void {
  forget(scene.config.stateDir);
  for (const { id } of dueIn(scene, folder)) removeSpooled(folder, id);
}

function forget(stateDir: string): void {
  forgetUndelivered(stateDir);
  forgetMissed(stateDir);
}

/** One message. @returns whether it was delivered */
async function deliverNext(
  scene: HookScene,
  notify: NotifyPolicy,
  folder: string,
): Promise<boolean> {
  const { config, hostName } = scene;
  const events = await gathered(scene, folder);
  if (events.length === 0) return true;
  const missed = missedIn(config.stateDir);
  const message = notificationOf({ host: hostName, config: config.path }, events, missed);
  const beganAt = monotonicMs();
  const failure = await send(config, notify, message);
  const took = durationOf(Math.round(monotonicMs() - beganAt));
  const body = { kind: 'notified', eventCount: events.length, took } as const;
  const at = now();
  if (failure !== undefined) {
    const failed = keepFailure(config.stateDir, failure, at);
    scene.report({ ...body, ...failed, at, instance: 'notify' });
    return false;
  }
  faultPoint();
  forget(config.stateDir);
  for (const { id } of events) removeSpooled(folder, id);
  scene.report({ ...body, at, instance: 'notify' });
  return true;
}

function keepFailure(stateDir: string, { problem, retryAfter = 0 }: Failure, at: Moment) {
  const before = readUndelivered(stateDir);
  const attempts = (before?.attempts ?? 0) + 1;
  const pause = Math.min(Math.max(retryPause(attempts), retryAfter * 1000), retryPause(Infinity));
  const nextAt = momentOf(at + pause);
  writeUndelivered(stateDir, { since: before?.since ?? at, attempts, problem, nextAt });
  return { problem, attempts, nextAt };
}

/** The events of the next message, the oldest first, once those of the same moment have been spooled. */
async function gathered(scene: HookScene, folder: string): Promise<NotifiedEvent[]> {
  const oldest = Math.min(...dueIn(scene, folder).map(momentIn));
  await sleep(Math.min(Math.max(oldest + gatherMs - now(), 0), gatherMs));
  return dueIn(scene, folder)
    .toSorted((one, other) => momentIn(one) - momentIn(other))
    .slice(0, mostInMessage)
    .map(({ id, spooled: { hook, event } }) => ({ id, occasion: occasionIn(hook), event }));
}

const momentIn = ({ spooled: { event } }: Due): number => Date.parse(String(event['at'])) || 0;

const occasionIn = (hook: string): Occasion => occasions.find((one) => one === hook) ?? 'finished';
