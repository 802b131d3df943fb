import {
  formatDrain,
  formatEvent,
  isFailure,
  type Draining,
  type Event,
} from '../core/events/event.ts';
import { shownName } from '../core/model/instance.ts';
import type { ActOutcome } from '../core/events/outcome.ts';
import { formatNoted, formatPlan, type Planned } from '../core/model/plan.ts';
import {
  formatDuration,
  formatTimeOfDay,
  type Duration,
  type Moment,
} from '../core/basics/time.ts';
import type { Colours } from './plain.ts';

/** How many instances one line names before it only counts them. */
const namedAtMost = 5;

/** An event as a dated line, with the last log lines of what could not be started below it. */
export function formatEventLine(event: Event, colours: Colours): string {
  const words = formatEvent(event);
  const line = `${formatTimeOfDay(event.at)} ${isFailure(event) ? colours.red(words) : words}\n`;
  if (event.kind !== 'start_failed') return line;
  const { logger } = event;
  const begun = logger === undefined ? line : `${line}  its output went to: ${logger}\n`;
  if (event.log.length === 0)
    return logger === undefined ? `${line}  it wrote nothing to ${event.logFile}\n` : begun;
  return `${begun}  last lines of ${event.logFile}:\n${event.log.map((text) => `  | ${text}\n`).join('')}`;
}

/** Nobody wants two lines for what he has asked for, nor a mail from cron for each log that was rotated. */
export function isTold(event: Event): boolean {
  if (event.kind === 'rotated') return false;
  if (event.kind !== 'died') return isToldByWatch(event);
  return event.verdict === 'lost' && !(event.death.kind === 'exited' && event.death.status === 0);
}

/** What nobody wants a line for, or what is told in other words: that it is killed, or how a restart ends. Hooks only where they fail. */
const untold: ReadonlySet<Event['kind']> = new Set([
  'hooked',
  'ready',
  'rolled_out',
  'unresponsive',
]);

/** A resident watch tells of each death, in the words that operators know. */
export const isToldByWatch = (event: Event): boolean =>
  !untold.has(event.kind) || (event.kind === 'hooked' && event.problem !== undefined);

const describeDraining = (draining: readonly Draining[], at: Moment): string =>
  formatNames(
    draining.map(
      (one) =>
        `${shownName(one)} (pid ${one.pid}, asked ${formatDuration(one.since)} ago, ${formatDrain(one, at)})`,
    ),
  );

/** Who still drains, and who has not even been asked yet, when a second signal asks for that. */
export function describeDrains(
  draining: readonly Draining[],
  unasked: readonly string[],
  at: Moment,
): string {
  const parts = [
    ...(draining.length === 0 ? [] : [`still draining: ${describeDraining(draining, at)}`]),
    ...(unasked.length === 0 ? [] : [`not asked yet: ${formatNames(unasked)}`]),
  ];
  return `workerctl: ${parts.length === 0 ? 'nobody drains any more' : parts.join('; ')}\n`;
}

/** What a command would do. */
export function formatPlanned({ noted, plan, later }: Planned, now: Moment): string {
  const then = later.length === 0 ? '' : `later, each when it is its turn: ${formatNames(later)}\n`;
  if (noted.length + plan.length + later.length === 0) return 'nothing to do\n';
  const first = noted.map((one) => `${formatNoted(one, now)}\n`).join('');
  return first + formatPlan(plan) + then;
}

/** How a command ended, in a line or two; nothing where a pass had nothing to do. */
export function formatOutcome(outcome: ActOutcome, at: Moment): string {
  const summary = summaryOf(outcome);
  const counted = summary === '' ? '' : `${summary}\n`;
  switch (outcome.end) {
    case 'reached':
      return counted;
    case 'not_waited':
      return counted + (outcome.command === 'bootcheck' ? '' : notWaited(outcome));
    case 'timed_out':
      return `${counted}the wait is over\n${stillDraining(outcome, at)}`;
    case 'interrupted':
      return `${counted}interrupted\n${stillDraining(outcome, at)}`;
    case 'given_up':
      return counted + givenUp(outcome, at);
  }
}

function summaryOf(outcome: ActOutcome): string {
  const { command, events } = outcome;
  if (command === 'bootcheck') return '';
  if (command === 'restart') return restartLine(outcome);
  const count = (kind: Event['kind']): number =>
    events.filter((event) => event.kind === kind).length;
  const parts: [number, string][] = [
    [count('started'), 'started'],
    [command === 'adopt' ? count('adopted') : 0, 'adopted'],
    [command === 'stop' ? count('left') + count('already_stopped') : 0, 'stopped'],
    [count('already_running'), 'running already'],
    [count('refused'), 'refused'],
    [count('left_stopped') + count('left_held') + count('left_unwanted'), 'left alone'],
    [count('started_again'), 'started again'],
    [count('killed'), 'killed'],
    [count('start_failed'), 'failed'],
    [count('ask_failed'), 'could not be asked'],
  ];
  const words = parts.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`);
  return [...words, ...longestDrain(events)].join(', ');
}

function restartLine({ events, change = '' }: ActOutcome): string {
  const count = (...kinds: Event['kind'][]): number =>
    events.filter(({ kind }) => kinds.includes(kind)).length;
  const longest = longestOf(events);
  return restartSummary({
    restarted: count('ready'),
    failed: count('start_failed', 'ask_failed'),
    killed: count('killed'),
    left: count('left_stopped', 'left_held', 'left_unwanted', 'up_to_date'),
    ...(change !== '' && { to: change }),
    ...(longest && { longest }),
  }).trimEnd();
}

/** Less than this reads as 0s, and is worth no words. */
const shortest = 50;

function longestOf(events: readonly Event[]): RestartFacts['longest'] {
  const drains = events.flatMap((event) =>
    event.kind === 'left' && event.drained !== undefined && event.drained >= shortest
      ? [
          {
            instance: shownName(event),
            drained: event.drained,
            ...(event.job && { what: event.job }),
          },
        ]
      : [],
  );
  return drains.sort((a, b) => b.drained - a.drained)[0];
}

function longestDrain(events: readonly Event[]): string[] {
  const longest = longestOf(events);
  if (longest === undefined) return [];
  const job = longest.what === undefined ? '' : `, ${longest.what}`;
  return [`longest drain ${formatDuration(longest.drained)} (${longest.instance}${job})`];
}

function notWaited({ command, events }: ActOutcome): string {
  const asked = events.filter(({ kind }) => kind === 'asked').length;
  if (asked === 0) return '';
  const then = command === 'restart' ? '; the next bootcheck starts each replacement' : '';
  return `${asked} asked to finish; not waiting for them${then}\n`;
}

function stillDraining(outcome: ActOutcome, at: Moment): string {
  const { command } = outcome;
  const then =
    command === 'stop' ? 'they leave when their job is done' : 'the next bootcheck goes on';
  return lines([...pendingLines(outcome, at), `nothing is lost: ${then}`]);
}

function givenUp(outcome: ActOutcome, at: Moment): string {
  return lines([
    ...pendingLines(outcome, at),
    'the restart was aborted: no other instance is asked to leave; workerctl status shows which release each one runs',
    'after a fix or a rollback, workerctl restart takes it up again',
  ]);
}

/** What is not so yet of those that a command still waits for and that do not drain. */
const waitedFor: Readonly<Record<ActOutcome['command'], string>> = {
  start: 'not ready yet',
  stop: 'still there',
  restart: 'not replaced or not ready yet',
  bootcheck: 'not ready yet',
  quiet: 'still there',
  resume: 'still there',
  hold: 'still there',
  unhold: 'not ready yet',
  want: 'not ready yet',
  adopt: 'not ready yet',
};

function pendingLines({ command, draining, pending }: ActOutcome, at: Moment): string[] {
  const asked = new Set(draining.map(({ instance }) => instance));
  const others = pending.filter((name) => !asked.has(name));
  return [
    ...(draining.length === 0 ? [] : [`still draining: ${describeDraining(draining, at)}`]),
    ...(others.length === 0 ? [] : [`${waitedFor[command]}: ${formatNames(others)}`]),
  ];
}

const lines = (texts: readonly string[]): string => texts.map((text) => `${text}\n`).join('');

function formatNames(names: readonly string[]): string {
  const more = names.length - namedAtMost;
  return names.slice(0, namedAtMost).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** What `init` has written, and what comes next. */
export function formatInit({ path, found }: { path: string; found: readonly string[] }): string {
  const from = found.length === 0 ? 'with an example worker' : `from ${found.join(', ')}`;
  return `wrote ${path} ${from}\nnext: edit it, then run workerctl check and workerctl start\n`;
}

/** What a restart has come to. */
export interface RestartFacts {
  readonly restarted: number;
  readonly failed: number;
  readonly killed: number;
  /** Left alone: stopped on purpose, or held. */
  readonly left: number;
  /** The releases that ran before and run now, where they are known. */
  readonly from?: string;
  readonly to?: string;
  /** The drain that took longest, and what the instance was doing then. */
  readonly longest?: {
    readonly instance: string;
    readonly drained: Duration;
    readonly what?: string;
  };
}

/**
 * The line at the end of a restart: `3 restarted (a1b2c3d -> 9f8e7d6), 0 killed, longest drain 2m 10s (mail.3, job 212)`.
 * Whether jobs were cut off is always said, the other counts only where there is something to count.
 */
export function restartSummary(facts: RestartFacts): string {
  const { restarted, failed, killed, left } = facts;
  const parts = [
    restarted === 0 ? '' : `${restarted} restarted${formatReleases(facts)}`,
    failed === 0 ? '' : `${failed} failed`,
    `${killed} killed`,
    left === 0 ? '' : `${left} left alone`,
    formatLongest(facts.longest),
  ];
  return `${parts.filter((part) => part !== '').join(', ')}\n`;
}

function formatReleases({ from, to }: RestartFacts): string {
  if (to === undefined) return '';
  return from === undefined || from === to ? ` (${to})` : ` (${from} -> ${to})`;
}

function formatLongest(longest: RestartFacts['longest']): string {
  if (longest === undefined) return '';
  const { instance, drained, what = '' } = longest;
  const who = what === '' ? instance : `${instance}, ${what}`;
  return `longest drain ${formatDuration(drained)} (${who})`;
}
