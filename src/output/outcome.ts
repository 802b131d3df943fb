import {
  elapsed,
  formatDayAndTime,
  formatDuration,
  type Duration,
  type Moment,
} from '../core/basics/time.ts';
import type { Event } from '../core/events/event.ts';
import type { ActOutcome, Continues } from '../core/events/outcome.ts';
import { jobWords, shortestDrain } from '../core/events/phrases.ts';
import type { EndedRollout } from '../core/model/desired.ts';
import { shownName } from '../core/model/instance.ts';
import { stillDraining } from './drains.ts';
import { formatNames } from '../core/basics/names.ts';

/** How a command ended, in a line or more; empty if there is nothing to say. */
export function formatOutcome(outcome: ActOutcome, at: Moment): string {
  const summary = summaryOf(outcome, at);
  const end = endOf(outcome, at);
  // The last line of a restart can be pasted into a chat.
  return (outcome.command === 'restart' ? [...end, summary] : [summary, ...end])
    .filter((line) => line !== '')
    .map((line) => `${line}\n`)
    .join('');
}

function endOf(outcome: ActOutcome, at: Moment): readonly string[] {
  switch (outcome.end) {
    case 'done':
      return [];
    case 'not_waited':
      return [notWaited(outcome), stillDraining(outcome.draining, at)];
    case 'timed_out':
      return [waitIsOver(outcome), ...pendingLines(outcome, at), whatFollows(outcome)];
    case 'interrupted':
      return ['interrupted', ...pendingLines(outcome, at), whatFollows(outcome)];
    case 'aborted':
      return [
        ...pendingLines(outcome, at),
        'the restart has ended: no other instance is asked to stop; workerctl status shows the release of each one',
        'after a fix or a rollback, run workerctl restart again',
      ];
    case 'ended':
      return [...(outcome.ended === undefined ? [] : [endedWords(outcome.ended, at)])];
    case 'lost':
      return [
        'state.json was removed while this command waited: it does not know the restart any more',
        'workerctl status shows the release of each instance; workerctl restart begins again',
      ];
    case 'refused':
    case 'unconfigured':
      return [];
  }
}

/** `the restart was cancelled by deploy@web1 at 12:03:04`. */
function endedWords({ how, by, at: endedAt }: EndedRollout, at: Moment): string {
  const when = `by ${by} at ${formatDayAndTime(endedAt, at)}`;
  switch (how) {
    case 'cancelled':
      return `the restart was cancelled ${when}; workerctl status shows the release of each instance`;
    case 'stopped':
      return `the restart is over: its instances were stopped ${when}; to start them: workerctl start`;
    case 'taken_over':
      return `the restart was taken over by a later one, begun ${when}`;
    case 'rolled_back':
      return `the restart was rolled back ${when}`;
    case 'done':
    case 'recovered':
      return '';
  }
}

/** What happens after a command has stopped waiting. */
function whatFollows({ command, continues }: ActOutcome): string {
  if (command === 'stop') return 'they exit when their jobs are done; they are not started again';
  if (command !== 'restart') return 'the next bootcheck continues';
  return continues === undefined ? '' : `${continuer[continues]} finishes the restart`;
}

/** Who goes on once a command has ended. */
const continuer: Readonly<Record<Continues, string>> = {
  finisher: 'a background process',
  watch: 'the running watch',
  bootcheck: 'the next bootcheck',
};

/** What a command still waits for that does not drain. */
const awaited: Readonly<Record<ActOutcome['command'], string>> = {
  start: 'not ready yet',
  stop: 'still running',
  restart: 'not replaced or not ready yet',
  bootcheck: 'not ready yet',
  quiet: 'still running',
  resume: 'still running',
  hold: 'still running',
  unhold: 'not ready yet',
  want: 'not ready yet',
  adopt: 'not ready yet',
  rollout: 'not ready yet',
  signal: 'still running',
};

/** `--wait 3s is over; 1 of 3 is still draining`. */
function waitIsOver({ command, wait, draining, pending }: ActOutcome): string {
  const limit = wait?.limit === undefined ? '' : ` ${formatDuration(wait.limit)}`;
  const [count, words] =
    draining.length > 0 ? [draining.length, 'still draining'] : [pending.length, awaited[command]];
  const total = wait === undefined ? '' : ` of ${wait.count}`;
  return `--wait${limit} is over; ${count}${total} ${count === 1 ? 'is' : 'are'} ${words}`;
}

function pendingLines({ command, draining, pending }: ActOutcome, at: Moment): string[] {
  const asked = new Set(draining.map(shownName));
  const others = pending.map(shownName).filter((name) => !asked.has(name));
  return [
    stillDraining(draining, at),
    others.length === 0 ? '' : `${awaited[command]}: ${formatNames(others)}`,
  ];
}

function notWaited({ command, events, continues }: ActOutcome): string {
  const asked = countOf(events, 'draining');
  if (asked === 0 || command === 'bootcheck') return '';
  const isOne = asked === 1;
  const then = isOne ? 'its replacement' : 'their replacements';
  return `${asked} asked to finish; not waiting for ${isOne ? 'it' : 'them'}${continues === undefined ? '' : `; ${continuer[continues]} starts ${then}`}`;
}

function summaryOf(outcome: ActOutcome, at: Moment): string {
  const { command, events } = outcome;
  if (command === 'bootcheck') return '';
  if (command === 'unhold' && countOf(events, 'unheld') === 0) return 'nothing was held';
  return command === 'restart' ? restartSummary(outcome, at) : countsOf(command, events);
}

function countsOf(command: ActOutcome['command'], events: readonly Event[]): string {
  const parts: readonly (readonly [number, string])[] = [
    [startedOf(events), 'started'],
    [command === 'adopt' ? countOf(events, 'adopted') : 0, 'adopted'],
    [command === 'stop' ? countOf(events, 'exited', 'already_stopped') : 0, 'stopped'],
    [countOf(events, 'signal_sent'), 'signalled'],
    [countOf(events, 'already_running'), 'already running'],
    [countOf(events, 'start_refused'), 'still draining'],
    [countOf(events, 'finished'), 'done'],
    ...skipped.map(({ kind, words }) => [countOf(events, kind), words] as const),
    [countOf(events, 'started_again'), 'started again'],
    [killedOf(events), 'killed'],
    survivorsOf(events),
    [instancesOf(events, 'start_failed'), 'failed'],
    [instancesOf(events, 'signal_failed'), 'could not be signalled'],
    [instancesOf(events, 'adopt_failed'), 'could not be taken over'],
  ];
  return joined(...parts.map(counted), longestDrain(events));
}

/** What commands skip, and the command that ends that. */
const skipped = [
  { kind: 'skipped_stopped', words: 'stopped on purpose', command: ' (workerctl start)' },
  { kind: 'skipped_held', words: 'held', command: ' (workerctl unhold)' },
  { kind: 'skipped_done', words: 'done', command: ' (workerctl start)' },
  { kind: 'skipped_surplus', words: 'no longer wanted', command: '' },
  { kind: 'up_to_date', words: 'already up to date', command: '' },
] as const;

/**
 * The last line of a restart: `12 of 12 on 7f3a2c1 in 4m10s, longest job 3m58s (import 212), none killed`. It always says
 * whether jobs were cut off; most other counts appear only if there is something to count. Empty if nothing is over yet.
 */
export function restartSummary({ events, end, restart }: ActOutcome, at: Moment): string {
  const replaced = replacedOf(events);
  const failed = instancesOf(events, 'start_failed', 'signal_failed', 'adopt_failed');
  const killed = killedOf(events);
  const skips = skipped
    .map((skip) => ({ ...skip, count: countOf(events, skip.kind) }))
    .filter(({ count }) => count > 0);
  const isNothingDone = replaced + failed + killed === 0;
  if (isNothingDone && skips.length > 0) {
    const why = skips.map(({ kind, count, words, command }) =>
      kind === 'skipped_held'
        ? `${count} ${words}${onOldRelease(events)}${command}`
        : `${count} ${count === 1 ? 'is' : 'are'} ${words}${command}`,
    );
    return `nothing restarted: ${why.join(', ')}`;
  }
  if (isNothingDone && end === 'not_waited') return '';
  const { count = 0, begunAt = at, releases = [] } = restart ?? {};
  if (isNothingDone && count === 0) return 'nothing to restart';
  const on = replaced === 0 || releases.length === 0 ? '' : ` on ${releases.join(' and ')}`;
  return joined(
    `${replaced} of ${Math.max(count, replaced)}${on} in ${compact(elapsed(begunAt, at))}`,
    longestWait(events),
    counted([failed, 'failed']),
    counted(survivorsOf(events)),
    ...skips.map(
      ({ kind, count: some, words }) =>
        `${some} ${words}${kind === 'skipped_held' ? onOldRelease(events) : ''}`,
    ),
    killed === 0 ? 'none killed' : `${killed} killed`,
  );
}

/** `4m10s`: one word, for a line that is read by people who have not seen the others. */
const compact = (length: Duration): string => formatDuration(length).replaceAll(' ', '');

/** What a restart has waited for the longest: a job, if it is known when that began; otherwise a drain. */
function longestWait(events: readonly Event[]): string {
  const waits = events.flatMap((event) => {
    if (event.kind !== 'exited') return [];
    const { drained, jobTime } = event;
    const job = jobWords(event);
    if (jobTime !== undefined && job !== undefined)
      return [{ length: jobTime, words: `longest job ${compact(jobTime)} (${job})` }];
    if (drained === undefined || drained < shortestDrain) return [];
    const who = [shownName(event), ...(job === undefined ? [] : [job])].join(', ');
    return [{ length: drained, words: `longest drain ${compact(drained)} (${who})` }];
  });
  const [longest] = waits.toSorted((one, other) => other.length - one.length);
  return longest?.words ?? '';
}

/** How many instances run, as far as this command has seen: what was ready may have died since. */
function replacedOf(events: readonly Event[]): number {
  const up = new Set<string>();
  for (const { kind, instance } of events) {
    if (kind === 'ready' || kind === 'finished') up.add(instance);
    else if (kind === 'start_failed') up.delete(instance);
  }
  return up.size;
}

/** A worker that is killed once its wrapper has exited counts as the instance that it was. */
const killedOf = (events: readonly Event[]): number =>
  new Set(
    events
      .filter(
        (event) =>
          event.kind === 'killed' || (event.kind === 'leftovers' && event.fate === 'killed'),
      )
      .map(({ instance }) => instance),
  ).size;

/** How many processes of their sessions stops did not reach. */
const survivorsOf = (events: readonly Event[]): readonly [number, string] => {
  const processes = events.flatMap((event) => (event.kind === 'survivors' ? event.processes : []));
  return [processes.length, 'left behind and still running'];
};

/** `, still on r1`: what held instances keep running, as far as that is known. */
function onOldRelease(events: readonly Event[]): string {
  const releases = events.flatMap((event) =>
    event.kind === 'skipped_held' && event.release !== undefined ? [event.release] : [],
  );
  return releases.length === 0 ? '' : `, still on ${[...new Set(releases)].join(' and ')}`;
}

function longestDrain(events: readonly Event[]): string {
  let longest: { readonly drained: Duration; readonly what: string } | undefined;
  for (const event of events) {
    if (event.kind !== 'exited' || event.drained === undefined) continue;
    if (event.drained < shortestDrain || event.drained <= (longest?.drained ?? 0)) continue;
    const words = jobWords(event);
    const job = words === undefined ? '' : `, ${words}`;
    longest = { drained: event.drained, what: `${shownName(event)}${job}` };
  }
  return longest === undefined
    ? ''
    : `longest drain ${formatDuration(longest.drained)} (${longest.what})`;
}

/** A process that was started and failed counts as failed alone. */
function startedOf(events: readonly Event[]): number {
  const failed = new Set(
    events.filter(({ kind }) => kind === 'start_failed').map(({ instance }) => instance),
  );
  return countOf(
    events.filter(({ instance }) => !failed.has(instance)),
    'started',
  );
}

const countOf = (events: readonly Event[], ...kinds: readonly Event['kind'][]): number =>
  events.filter(({ kind }) => kinds.includes(kind)).length;

/** Of how many instances: a command may try again. */
const instancesOf = (events: readonly Event[], ...kinds: readonly Event['kind'][]): number =>
  new Set(events.filter(({ kind }) => kinds.includes(kind)).map(({ instance }) => instance)).size;

const counted = ([count, words]: readonly [number, string]): string =>
  count === 0 ? '' : `${count} ${words}`;

const joined = (...parts: readonly string[]): string =>
  parts.filter((part) => part !== '').join(', ');
