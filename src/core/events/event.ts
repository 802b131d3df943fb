import { formatSize } from '../basics/bytes.ts';
import { formatActivity, type Activity } from '../model/activity.ts';
import { leftWords, namedProcesses, type LeftProcess } from '../model/leftovers.ts';
import { shownName, type ProcessRef } from '../model/instance.ts';
import type { Death } from '../model/record.ts';
import { formatDeath } from '../model/record.ts';
import { formatDayAndTime, formatDuration, type Duration, type Moment } from '../basics/time.ts';
import type { Verdict } from '../model/record.ts';
import type { HookName, QuietSignal, StopSignal } from '../model/config.ts';

/** What happened to an instance. Every outcome that a command can expect is one of these; only `output/` renders them. */
export type EventBody =
  | { readonly kind: 'adopted'; readonly pid: number; readonly cause: string }
  | { readonly kind: 'repaired'; readonly pid: number; readonly cause: string }
  | { readonly kind: 'forgotten'; readonly cause: string }
  /** It was asked to finish its job and leave. */
  | {
      readonly kind: 'asked';
      readonly pid: number;
      readonly signal: StopSignal;
      /** How long it may take before it is killed; without it there is no limit. */
      readonly limit?: Duration;
      readonly cause: string;
    }
  /** It was asked to take no new job; `isPrelude`: and is asked to leave as soon as it is idle. */
  | {
      readonly kind: 'quieted';
      readonly pid: number;
      readonly signal: QuietSignal;
      readonly stopsWhenIdle: boolean;
      readonly cause: string;
    }
  | { readonly kind: 'resumed'; readonly pid: number; readonly signal: QuietSignal }
  /** It leaves beside its replacement. */
  | { readonly kind: 'moved'; readonly pid: number }
  /** Its session was killed; `job` is what it was busy with, as far as that is known. */
  | {
      readonly kind: 'killed';
      readonly pid: number;
      readonly processes: number;
      readonly job?: string;
      readonly isWatchdog?: boolean;
      readonly cause: string;
    }
  /** It was told to write down what it is doing, since it gives no sign of life. */
  | {
      readonly kind: 'dumped';
      readonly pid: number;
      readonly signal: QuietSignal;
      readonly cause: string;
    }
  /** It could not be asked. */
  | { readonly kind: 'ask_failed'; readonly pid: number; readonly reason: string }
  /** It is gone. `drained` is how long that took since it was asked. */
  | {
      readonly kind: 'left';
      readonly pid: number;
      readonly death: Death;
      readonly drained?: Duration;
      /** What it was last seen busy with. */
      readonly job?: string;
      /** What it has left behind in its session. */
      readonly leftovers?: readonly LeftProcess[];
    }
  /** A dead process has left others behind in its session; they are left alone, killed, or waited for. */
  | {
      readonly kind: 'leftovers';
      /** The dead one. */
      readonly pid: number;
      readonly processes: readonly LeftProcess[];
      readonly fate: 'left' | 'killed' | 'not_killed' | 'awaited';
    }
  | { readonly kind: 'started'; readonly pid: number; readonly cause: string }
  /** The command runs of a program that forks away; `started` follows when its pidfile names it. */
  | { readonly kind: 'launching'; readonly pid: number; readonly cause: string }
  | { readonly kind: 'ready'; readonly pid: number; readonly release?: string }
  /** Its replacement is the first of its worker that is ready: the others follow. */
  | { readonly kind: 'proven'; readonly release?: string }
  /** Its replacement failed: no other instance is asked to leave. */
  | { readonly kind: 'aborted'; readonly reason: string; readonly untouched: number }
  /** A later restart has taken it over. */
  | { readonly kind: 'taken_over'; readonly by: string; readonly since: Moment }
  /** It was not started, or died before it was ready; `log` holds the last lines that it wrote itself. */
  | {
      readonly kind: 'start_failed';
      readonly reason: string;
      readonly logFile: string;
      readonly log: readonly string[];
      /** The logger that its output went to, in words; then `log` holds what that logger said. */
      readonly logger?: string;
    }
  /** It stays down for a while, or for longer than before, since its processes die young. */
  | {
      readonly kind: 'backoff';
      /** How many have died in a row. */
      readonly count: number;
      /** How long it stays down from its death on. */
      readonly delay: Duration;
      /** When it is started. */
      readonly until: Moment;
      /** How the last one died, in words. */
      readonly why: string;
    }
  /** Its log was put into an older file: so many bytes. */
  | { readonly kind: 'rotated'; readonly logFile: string; readonly bytes: number }
  /** A start was refused: the old process still drains. */
  | { readonly kind: 'refused'; readonly pid: number; readonly draining: Duration }
  | { readonly kind: 'already_running'; readonly pid: number }
  | { readonly kind: 'already_stopped' }
  /** A restart leaves alone what was stopped on purpose. */
  | { readonly kind: 'left_stopped'; readonly by: string }
  /** It is held, and left alone. */
  | { readonly kind: 'left_held'; readonly by: string; readonly until?: Moment }
  /** Fewer of its worker are wanted meanwhile, and not this one. */
  | { readonly kind: 'left_unwanted' }
  /** Whom a stop waits for, somebody has started again meanwhile. */
  | { readonly kind: 'started_again' }
  /** It runs the release that it would get. */
  | { readonly kind: 'up_to_date'; readonly release: string }
  /** What was wanted of it was noted: it is held, or no longer. */
  | { readonly kind: 'held'; readonly until?: Moment }
  | { readonly kind: 'unheld' }
  /** `count` instances of the worker are wanted now; `most` is its `max_count` if more were asked for. */
  | { readonly kind: 'wanted'; readonly count: number; readonly most?: number }
  /** Its process died. Told once, by whichever pass sees it first; twice where that was killed while it told. */
  | {
      readonly kind: 'died';
      readonly pid: number;
      /** Names this one start of it. */
      readonly runId: string;
      readonly death: Death;
      readonly verdict: Verdict;
      /** Who asked for it and why, in words. */
      readonly cause?: string;
      readonly uptime?: Duration;
      /** How long it took to leave, since it was asked. */
      readonly drained?: Duration;
      readonly release?: string;
      /** What it was busy with by its own last words. */
      readonly job?: string;
      /** The memory that it had when it was last looked at, in bytes. */
      readonly rss?: number;
      /** Where nobody asked for it: the last lines that it wrote itself. */
      readonly log?: readonly string[];
    }
  /** What its dead process was at is lost; `job` as far as it is known. */
  | {
      readonly kind: 'lost';
      readonly pid: number;
      readonly runId: string;
      readonly death: Death;
      readonly job?: string;
    }
  /** It gives no sign of life and is about to be killed. */
  | {
      readonly kind: 'unresponsive';
      readonly pid: number;
      readonly runId: string;
      readonly job?: string;
      readonly cause: string;
    }
  /** A restart of its worker is over; with a `reason`, it was aborted. */
  | {
      readonly kind: 'rolled_out';
      /** Who asked for it. */
      readonly by: string;
      readonly instances: number;
      readonly release?: string;
      readonly reason?: string;
    }
  /** A hook of its worker was run. */
  | {
      readonly kind: 'hooked';
      readonly hook: HookName;
      /** How it ended, in words; undefined: with exit status 0. */
      readonly problem?: string;
      readonly took: Duration;
      /** The last lines that it printed. */
      readonly output: readonly string[];
    }
  /** A resident watch starts what is missing of its worker. */
  | { readonly kind: 'short'; readonly has: number; readonly counts: number }
  /** The config could not be read again: the old one stays in force. */
  | { readonly kind: 'config_refused'; readonly problem: string }
  | { readonly kind: 'config_read' }
  /** There was nothing to do for what was wanted. */
  | { readonly kind: 'already_quiet' | 'not_quiet' | 'not_running' }
  /** A file of it could not be understood. */
  | { readonly kind: 'warning'; readonly problem: string };

/** A happening, of whom and when. */
export type Event = EventBody & ProcessRef & { readonly at: Moment };

/** One who was asked to finish and has not left yet. */
export interface Draining extends ProcessRef {
  readonly pid: number;
  /** How long ago it was asked. */
  readonly since: Duration;
  /** After how long from now it is killed; undefined: never. */
  readonly limit?: Duration;
  readonly activity?: Activity;
  /** Why, in words. */
  readonly cause: string;
}

const failures: ReadonlySet<Event['kind']> = new Set([
  'start_failed',
  'ask_failed',
  'refused',
  'aborted',
  'taken_over',
  'started_again',
]);

/** Whether it means that the goal was missed. */
export function isFailure(event: Event): boolean {
  return failures.has(event.kind);
}

/** An event as one line of words, without its moment. */
export function formatEvent(event: Event): string {
  const instance = shownName(event);
  switch (event.kind) {
    case 'adopted':
      return `${instance}: adopted pid ${event.pid}: ${event.cause}`;
    case 'repaired':
      return `${instance}: pidfile written anew (pid ${event.pid}): ${event.cause}`;
    case 'forgotten':
      return `${instance}: stale pidfile removed: ${event.cause}`;
    case 'asked':
      return `${instance}: asked pid ${event.pid} to finish (${event.signal}, ${limitWords(event.limit)}): ${event.cause}`;
    case 'quieted':
      return `${instance}: asked pid ${event.pid} to take no new job (${event.signal}): ${event.cause}`;
    case 'resumed':
      return `${instance}: asked pid ${event.pid} to take jobs again (${event.signal})`;
    case 'moved':
      return `${instance}: pid ${event.pid} leaves beside its replacement`;
    case 'dumped':
      return `${instance}: told pid ${event.pid} to write down what it is doing (${event.signal}): ${event.cause}`;
    case 'killed':
      if (event.isWatchdog === true)
        return `Watchdog killing worker ${event.pid} (${instance})${during(event.job)}: ${event.cause}`;
      return `${instance}: killed pid ${event.pid} and its session (${event.processes} processes)${during(event.job)}: ${event.cause}`;
    case 'ask_failed':
      return `${instance}: could not ask pid ${event.pid} to finish: ${event.reason}`;
    case 'left':
      return `${instance}: pid ${event.pid} has left${after(event.drained)}${held(event.job)}: ${formatDeath(event.death)}${besides(event)}`;
    case 'leftovers':
      return `${instance}: ${leftoverWords(event)}`;
    case 'started':
      return `${instance}: started pid ${event.pid}: ${event.cause}`;
    case 'launching':
      return `${instance}: pid ${event.pid} runs its command, which forks away: ${event.cause}`;
    case 'ready':
      return `${instance}: pid ${event.pid} is ready${released(event.release)}`;
    case 'proven':
      return `${instance} has proven the new code${released(event.release)}: the others follow`;
    case 'aborted':
      return `restart aborted by ${instance}: ${event.reason}${untouchedWords(event.untouched)}`;
    case 'taken_over':
      return `${instance}: the restart of ${formatDayAndTime(event.since, event.at)} by ${event.by} has taken over`;
    case 'start_failed':
      return `${instance}: start failed: ${event.reason}`;
    case 'backoff':
      return `${instance}: not started until ${formatDayAndTime(event.until, event.at)} (${formatDuration(event.delay)} after its death): ${event.why}; workerctl start ${instance} starts it at once`;
    case 'refused':
      return `${instance} is still draining: pid ${event.pid}, for ${formatDuration(event.draining)}; the next bootcheck after it has left starts it`;
    case 'already_running':
      return `${instance} is already running: pid ${event.pid}`;
    case 'already_stopped':
      return `${instance} is already stopped`;
    case 'left_stopped':
      return `${instance} was stopped by ${event.by}: left alone; workerctl start ${instance} brings it back`;
    case 'left_held':
      return `${instance} is held by ${event.by}${untilWords(event.until, event.at)}: left alone; workerctl unhold ${instance} ends that`;
    case 'left_unwanted':
      return `${instance} is not wanted any more: left alone`;
    case 'started_again':
      return `${instance} was started again meanwhile: left alone`;
    case 'up_to_date':
      return `${instance} runs release ${event.release} already: left alone`;
    case 'held':
      return `${instance} is left alone${untilWords(event.until, event.at)}`;
    case 'unheld':
      return `${instance} is watched again`;
    case 'wanted':
      return `Now desiring ${event.count} children doing '${instance}'.${event.most === undefined ? '' : ` (max_count is ${event.most})`}`;
    case 'died':
      return `Child ${event.pid} (${instance}) died: ${deathNumber(event.death)} (${event.verdict === 'lost' ? 'UNEXPECTED' : 'expected'}): ${formatDeath(event.death)}${during(event.job)}`;
    case 'lost':
      return `${instance}: ${event.job ?? 'whatever it was at'} is lost: pid ${event.pid} died: ${formatDeath(event.death)}`;
    case 'unresponsive':
      return `${instance}: pid ${event.pid} does not respond${during(event.job)}: ${event.cause}`;
    case 'rolled_out':
      return event.reason === undefined
        ? `${instance}: the restart by ${event.by} is over${released(event.release)}`
        : `${instance}: the restart by ${event.by} was aborted${released(event.release)}: ${event.reason}`;
    case 'hooked':
      return `${instance}: hook ${event.hook} ${event.problem === undefined ? 'was run' : `failed: ${event.problem}`} (${formatDuration(event.took)})`;
    case 'short':
      return `Job ${instance} has only ${event.has}, wants ${event.counts}, making ${event.counts - event.has}.`;
    case 'config_refused':
      return `the config was not read again, the old one stays in force: ${event.problem}`;
    case 'config_read':
      return 'the config was read again';
    case 'already_quiet':
      return `${instance} takes no new job already`;
    case 'not_quiet':
      return `${instance} was not quiet`;
    case 'not_running':
      return `${instance} is not running`;
    case 'rotated':
      return `${instance}: ${formatSize(event.bytes)} of ${event.logFile} put into ${event.logFile}.1`;
    case 'warning':
      return `${instance}: ${event.problem}`;
  }
}

/** As MogileFS has it: the signal, or the exit status. */
function deathNumber(death: Death): string {
  switch (death.kind) {
    case 'signalled':
      return String(death.signal);
    case 'exited':
      return String(death.status);
    case 'rebooted':
    case 'unlaunched':
    case 'unknown':
      return 'unknown';
  }
}

const limitWords = (limit: Duration | undefined): string =>
  limit === undefined ? 'no limit' : `killed after ${formatDuration(limit)}`;

const untouchedWords = (count: number): string =>
  count === 0 ? '' : `; ${count} run on untouched`;

const besides = ({ pid, leftovers = [] }: Extract<Event, { kind: 'left' }>): string =>
  leftovers.length === 0 ? '' : `; ${leftWords(pid, leftovers)}`;

function leftoverWords({ pid, processes, fate }: Extract<Event, { kind: 'leftovers' }>): string {
  switch (fate) {
    case 'left':
      return leftWords(pid, processes);
    case 'killed':
      return `killed what pid ${pid} has left: ${namedProcesses(processes)}`;
    case 'not_killed':
      return `could not kill what pid ${pid} has left, which is another user's: ${namedProcesses(processes)}`;
    case 'awaited':
      return `${leftWords(pid, processes)}; nothing is started while they live`;
  }
}

/** The job that it had while it drained: mostly it has finished that. */
const held = (job: string | undefined): string => (job === undefined ? '' : ` (${job})`);

const during = (job: string | undefined): string => (job === undefined ? '' : ` during ${job}`);

const released = (release: string | undefined): string =>
  release === undefined ? '' : ` (${release})`;

const untilWords = (until: Moment | undefined, now: Moment): string =>
  until === undefined ? '' : ` until ${formatDayAndTime(until, now)}`;

/** What a draining process does, in words: `job 212 for 2m 10s, no limit`. */
export function formatDrain({ activity, limit }: Draining, at: Moment): string {
  const job = activity === undefined ? [] : [formatActivity(activity, at)];
  return [...job, limit === undefined ? 'no limit' : `killed in ${formatDuration(limit)}`].join(
    ', ',
  );
}

/** Less than this reads as `0s`. */
const shortest = 50;

function after(drained: Duration | undefined): string {
  if (drained === undefined) return '';
  return drained < shortest ? ' at once' : ` after ${formatDuration(drained)}`;
}

/**
 * How a member of an event is written to the journal, `?` where it may be missing. Its name there is its own in snake case,
 * save for: `seconds` gets `_seconds` behind it, `signal` is `signal_name`, `death` is spread over several members, `other`
 * is `by_other`, since `by` is who ran the command.
 */
export type Form =
  | 'number'
  | 'text'
  | 'lines'
  | 'flag'
  | 'seconds'
  | 'moment'
  | 'signal'
  | 'other'
  | 'death'
  | 'processes';
type FormOf<Name, Value> = [Value] extends [Moment]
  ? 'moment'
  : [Value] extends [Duration]
    ? 'seconds'
    : [Value] extends [number]
      ? 'number'
      : [Value] extends [boolean]
        ? 'flag'
        : [Value] extends [QuietSignal]
          ? 'signal'
          : [Value] extends [string]
            ? Name extends 'by'
              ? 'other'
              : 'text'
            : [Value] extends [readonly string[]]
              ? 'lines'
              : [Value] extends [Death]
                ? 'death'
                : [Value] extends [readonly LeftProcess[]]
                  ? 'processes'
                  : never;
type Written<Of> = {
  readonly [Name in Exclude<keyof Of, 'kind'>]-?: object extends Pick<Of, Name>
    ? `${FormOf<Name, Exclude<Of[Name], undefined>>}?`
    : FormOf<Name, Of[Name]>;
};
type Of<Kind> = EventBody extends infer One
  ? One extends { readonly kind: infer Kinds }
    ? Kind extends Kinds
      ? One
      : never
    : never
  : never;

/**
 * What the journal keeps of each kind of event. `answer`: nothing, since it only tells a person that there was nothing to do.
 * The compiler knows each word: a new kind, or a new member, must be entered here.
 */
export const journalMembers = {
  adopted: { pid: 'number', cause: 'text' },
  repaired: { pid: 'number', cause: 'text' },
  forgotten: { cause: 'text' },
  asked: { pid: 'number', signal: 'signal', limit: 'seconds?', cause: 'text' },
  quieted: { pid: 'number', signal: 'signal', stopsWhenIdle: 'flag', cause: 'text' },
  resumed: { pid: 'number', signal: 'signal' },
  moved: { pid: 'number' },
  killed: { pid: 'number', processes: 'number', job: 'text?', isWatchdog: 'flag?', cause: 'text' },
  dumped: { pid: 'number', signal: 'signal', cause: 'text' },
  ask_failed: { pid: 'number', reason: 'text' },
  left: 'answer', // the same death is told by `died`
  started: { pid: 'number', cause: 'text' },
  launching: { pid: 'number', cause: 'text' },
  ready: { pid: 'number', release: 'text?' },
  proven: { release: 'text?' },
  aborted: { reason: 'text', untouched: 'number' },
  taken_over: { by: 'other', since: 'moment' },
  start_failed: { reason: 'text', logFile: 'text', log: 'lines', logger: 'text?' },
  refused: 'answer',
  already_running: 'answer',
  already_stopped: 'answer',
  left_stopped: 'answer',
  left_held: 'answer',
  left_unwanted: 'answer',
  started_again: 'answer',
  up_to_date: 'answer',
  held: { until: 'moment?' },
  unheld: {},
  wanted: { count: 'number', most: 'number?' },
  died: {
    pid: 'number',
    runId: 'text',
    death: 'death',
    verdict: 'text',
    cause: 'text?',
    uptime: 'seconds?',
    drained: 'seconds?',
    release: 'text?',
    job: 'text?',
    rss: 'number?',
    log: 'lines?',
  },
  leftovers: { pid: 'number', processes: 'processes', fate: 'text' },
  rotated: { logFile: 'text', bytes: 'number' },
  backoff: { count: 'number', delay: 'seconds', until: 'moment', why: 'text' },
  lost: { pid: 'number', runId: 'text', death: 'death', job: 'text?' },
  unresponsive: { pid: 'number', runId: 'text', job: 'text?', cause: 'text' },
  rolled_out: { by: 'other', instances: 'number', release: 'text?', reason: 'text?' },
  hooked: { hook: 'text', problem: 'text?', took: 'seconds', output: 'lines' },
  short: { has: 'number', counts: 'number' },
  config_refused: { problem: 'text' },
  config_read: {},
  already_quiet: 'answer',
  not_quiet: 'answer',
  not_running: 'answer',
  warning: { problem: 'text' },
} as const satisfies {
  readonly [Kind in Event['kind']]: Written<Of<Kind>> | 'answer';
};

/** The kinds of events that the journal has. */
export type JournalKind = {
  [Kind in Event['kind']]: (typeof journalMembers)[Kind] extends 'answer' ? never : Kind;
}[Event['kind']];
