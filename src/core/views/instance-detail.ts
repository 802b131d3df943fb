import {
  durationOf,
  elapsed,
  formatDayAndTime,
  formatDuration,
  type Moment,
} from '../basics/time.ts';
import { lookup } from '../basics/lookup.ts';
import type { Worker } from '../model/config.ts';
import type { Unstarted } from '../model/ledger.ts';
import {
  isHeld,
  isQuiet,
  isStopped,
  type Desired,
  type Done,
  type TimedRequest,
} from '../model/desired.ts';
import { awaitedWords, leftWords } from '../model/leftovers.ts';
import { lostLogWords, newLogWords, type LostLog } from '../model/lost-log.ts';
import {
  drainingSince,
  keyOfObserved,
  refOf,
  unclearStop,
  type ObservedInstance,
  type Predecessor,
  type Presence,
} from '../model/observation.ts';
import {
  formatEnd,
  formatLate,
  formatEarlyDeath,
  isForeign,
  type ProcessRecord,
  quietStateOf,
  type Asking,
} from '../model/record.ts';
import { workerNameOf } from '../model/targets.ts';
import { isAwaited, sessionStop } from '../rules/awaited.ts';
import { failureWords } from '../rules/backoff.ts';
import { unclaimedWords } from '../model/unclaimed.ts';
import { unclearWords } from '../model/unclear-stop.ts';
import { lifeOf } from '../rules/lifecycle.ts';
import { deadlineOf, type Snapshot } from '../rules/snapshot.ts';
import { staysDownUntil } from '../rules/unstarted.ts';
import { shownState, type InstanceState } from './instance-state.ts';

/** The state of an instance, and what else is worth knowing, in words. */
export interface Described {
  readonly state: InstanceState;
  /** In `backoff`: when it is started again. */
  readonly startsAt?: Moment;
  /** Why its last start failed before it had a process. */
  readonly startProblem?: string;
  readonly detail: string;
}

/** An instance without a living process; the leftovers of its last one come last. */
export function describeDown(
  observed: ObservedInstance,
  worker: Worker | undefined,
  snapshot: Snapshot,
): Described {
  const ending = endingSession(observed, snapshot);
  if (ending !== undefined) return ending;
  if (worker === undefined) return { state: 'gone', detail: '' };
  const found = downState(observed, worker, snapshot);
  const { name, leftovers, unclaimed } = observed;
  if (unclaimed !== undefined)
    return { ...found, detail: `pid ${unclaimed.pid}: ${unclaimedWords(name, unclaimed)}` };
  if (leftovers === undefined) return found;
  const words = isAwaited(observed, worker)
    ? awaitedWords(leftovers)
    : leftWords(leftovers.of.pid, leftovers.processes);
  return { ...found, detail: `${found.detail}; ${words}` };
}

/** Its process has exited, but its stop holds for the whole session, of which others still run. */
function endingSession(observed: ObservedInstance, snapshot: Snapshot): Described | undefined {
  const { name, retiring, leftovers } = observed;
  const stop = sessionStop(observed);
  const worker = snapshot.workerOf(name);
  if (leftovers === undefined || stop === undefined || worker === undefined) return undefined;
  if (!isAwaited(observed, worker)) return undefined;
  const words = [...askedWords(stop, observed, snapshot), awaitedWords(leftovers)];
  return { state: retiring === undefined ? 'draining' : 'retiring', detail: words.join('; ') };
}

function downState(observed: ObservedInstance, worker: Worker, snapshot: Snapshot): Described {
  const { desired, ledger, now } = snapshot;
  const { name, presence } = observed;
  const stopped = desired.stopped[name];
  if (stopped !== undefined) {
    const until = stopped.boot === undefined ? '' : ', until the next boot';
    const detail = `by ${stopped.by} at ${formatDayAndTime(stopped.at, now)}${until}`;
    return { state: 'stopped', detail };
  }
  const held = heldWords(desired, name, now);
  const life = lifeOf(observed, worker, snapshot);
  if (life.state === 'done' || life.state === 'failed')
    return { state: shownState[life.state], detail: doneWords(name, life.done, held, now) };
  const start = ledger.startsInTurn === true ? 'starts in its turn' : 'bootcheck starts it';
  const next = held ?? start;
  const unstarted = lookup(ledger.unstarted, name);
  const problem = unstarted && { startProblem: unstarted.problem };
  const attempt = unstarted && attemptWords(unstarted, now);
  const death = presence.kind === 'dead' && deathWords(presence, now);
  const what = [death, attempt].filter(Boolean).join('; ') || 'not started';
  const until = held === undefined ? staysDownUntil(ledger, observed, worker, now) : undefined;
  if (until === undefined) {
    const isWaiting = held === undefined && isAwaited(observed, worker);
    return { state: 'missing', detail: isWaiting ? what : `${what}; ${next}`, ...problem };
  }
  const failure = ledger.failures[name];
  const times =
    failure === undefined || presence.kind !== 'dead'
      ? ''
      : `; failed ${failureWords(failure, presence, worker, now)}`;
  const wait = `next start in ${formatDuration(elapsed(now, until))}, at ${formatDayAndTime(until, now)}`;
  return { state: 'backoff', startsAt: until, detail: `${what}${times}; ${wait}`, ...problem };
}

function attemptWords({ at, problem, count }: Unstarted, now: Moment): string {
  const times = count === 1 ? '' : `, ${count} times in a row`;
  return `start failed at ${formatDayAndTime(at, now)}${times}: ${problem}`;
}

function doneWords(name: string, done: Done, held: string | undefined, now: Moment): string {
  const how = done.problem === undefined ? 'finished' : `failed: ${done.problem}`;
  const when = formatDayAndTime(done.at, now);
  return [`${how} at ${when}`, held ?? `workerctl start ${name} runs it again`].join('; ');
}

function deathWords(
  { record, death, diedAt }: Extract<Presence, { kind: 'dead' }>,
  now: Moment,
): string {
  if (record.launch !== undefined) return formatEarlyDeath(record, death, false);
  const ago = diedAt === undefined ? '' : ` ${formatDuration(elapsed(diedAt, now))} ago`;
  return `pid ${record.pid} ${formatEnd(death, undefined, ago)}`;
}

/**
 * An instance with a living process, or an old process of one.
 * @param asked what drainingSince says of it
 */
export function describeUp(
  observed: ObservedInstance,
  worker: Worker | undefined,
  snapshot: Snapshot,
  asked: Asking | undefined,
): Described {
  const { config, desired } = snapshot;
  const { name, retiring } = observed;
  const notes = notesOn(observed, snapshot);
  if (retiring !== undefined || asked !== undefined) {
    const state = retiring === undefined ? shownState.draining : 'retiring';
    const drain = asked === undefined ? [] : askedWords(asked, observed, snapshot);
    return { state, detail: [...drain, ...notes].join('; ') };
  }
  if (worker === undefined) {
    const isKnown = config.workers.some((one) => one.name === workerNameOf(name));
    const words = isKnown
      ? observed.otherConfig === undefined
        ? 'not wanted; bootcheck drains it'
        : otherConfigWords(name, observed.otherConfig)
      : `not in the config; workerctl stop ${name} drains it`;
    return { state: 'surplus', detail: [words, ...notes].join('; ') };
  }
  if (isStopped(desired, name)) notes.unshift('to be stopped');
  const life = lifeOf(observed, worker, snapshot);
  if (life.state === 'late')
    notes.unshift(
      life.record.launchExit === undefined
        ? `not ready after ${formatDuration(life.timeout)}`
        : formatLate(life.record, life.timeout),
    );
  const state = isFrozen(observed) ? 'frozen' : shownState[life.state];
  return { state, detail: notes.join('; ') };
}

export const otherConfigWords = (name: string, config: string): string =>
  `not wanted, but started by ${config}, which may want it, and left alone; workerctl stop ${name} drains it`;

const isFrozen = ({ presence }: Pick<ObservedInstance, 'presence'>): boolean =>
  (presence.kind === 'alive' || presence.kind === 'stray') &&
  presence.process.activity === 'stopped';

function askedWords(stop: Asking, observed: ObservedInstance, snapshot: Snapshot): string[] {
  const ago = formatDuration(elapsed(stop.at, snapshot.now));
  return [`asked ${ago} ago, ${limitWords(observed, snapshot)} (${stop.cause})`];
}

function limitWords(observed: ObservedInstance, snapshot: Snapshot): string {
  const deadline = deadlineOf(observed, snapshot);
  if (deadline === undefined) return 'no limit';
  const left = durationOf(Math.max(0, deadline - snapshot.sinceBoot));
  return `killed in ${formatDuration(left)}`;
}

function notesOn(observed: ObservedInstance, { desired, ledger, now }: Snapshot): string[] {
  const { name, retiring, presence, problems, saidStatus, leftovers } = observed;
  const notes = [...problems];
  const { log, errorLog } = observed;
  if (log?.lost !== undefined) notes.push(lostWords(observed, log.lost));
  if (errorLog?.lost !== undefined) notes.push(lostWords(observed, errorLog.lost));
  const quiet = quietStateOf(presence.kind === 'alive' ? presence.quiet : undefined);
  if (quiet.kind === 'failed') notes.push(`stop.quiet failed: ${quiet.problem}`);
  if (quiet.kind === 'stuck') notes.push(`stop.resume failed: ${quiet.problem}`);
  const unclear = unclearStop(observed);
  const known = ledger.unwitnessed[keyOfObserved(observed)];
  const unwitnessed = known?.isUnclear === true ? undefined : known?.problem;
  const refused = unwitnessed ?? (unclear && unclearWords(refOf(observed), unclear));
  if (refused !== undefined) notes.push(`gets no signal: ${refused}`);
  const unadopted = lookup(ledger.unadopted, name);
  if (presence.kind === 'stray' && unadopted !== undefined)
    notes.push(`could not be taken over: ${unadopted}`);
  if (saidStatus !== undefined) notes.push(saidStatus);
  const origin = presence.kind === 'alive' ? originWords(presence.record) : undefined;
  if (origin !== undefined) notes.push(origin);
  if (presence.kind === 'stray') notes.push(strayWords(presence.successorOf));
  if (presence.kind === 'alive' && presence.successor !== undefined)
    notes.push(`its successor, pid ${presence.successor.pid}, takes over when it exits`);
  if (isFrozen(observed))
    notes.push('stopped (SIGSTOP) and doing nothing; kill -CONT continues it');
  const asked = retiring === undefined ? desired.quiet[name] : undefined;
  if (asked !== undefined && isQuiet(desired, name, now)) notes.push(words('quiet', asked, now));
  const held = retiring === undefined ? heldWords(desired, name, now) : undefined;
  if (held !== undefined) notes.push(held);
  if (leftovers !== undefined) notes.push(leftWords(leftovers.of.pid, leftovers.processes));
  return notes;
}

/** A process that drains opens no log any more. */
function lostWords(observed: ObservedInstance, lost: LostLog): string {
  const isLeaving = observed.retiring !== undefined || drainingSince(observed) !== undefined;
  const remedy = isLeaving ? '' : ` (${newLogWords(observed.name)})`;
  return `${lostLogWords(lost)}${remedy}`;
}

function heldWords(desired: Desired, name: string, now: Moment): string | undefined {
  const held = desired.held[name];
  return held !== undefined && isHeld(desired, name, now) ? words('held', held, now) : undefined;
}

const words = (what: string, { by, until }: TimedRequest, now: Moment): string =>
  `${what} by ${by}${until === undefined ? '' : ` until ${formatDayAndTime(until, now)}`}`;

/** What the state does not show: that its pid is a command's, or that workerctl did not start it. */
function originWords(record: ProcessRecord): string | undefined {
  if (record.launch !== undefined) return 'its command has not started the worker yet';
  return isForeign(record) ? 'adopted' : undefined;
}

const strayWords = (predecessor: Predecessor | undefined): string =>
  predecessor === undefined
    ? 'no record claims it; bootcheck adopts it'
    : `takes over from pid ${predecessor.pid}; bootcheck adopts it`;
