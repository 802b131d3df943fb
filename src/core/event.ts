import type { Death } from './record.ts';
import { formatDeath } from './record.ts';
import { formatDuration, type Duration, type Moment } from './time.ts';
import type { StopSignal } from './worker.ts';

/** What happened to an instance. Every outcome that a command can expect is one of these; only `output/` renders them. */
export type Happening =
  | { readonly kind: 'adopted'; readonly pid: number; readonly cause: string }
  | { readonly kind: 'repaired'; readonly pid: number; readonly cause: string }
  | { readonly kind: 'forgotten'; readonly cause: string }
  /** It was asked to finish its job and leave. */
  | {
      readonly kind: 'asked';
      readonly pid: number;
      readonly signal: StopSignal;
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
    }
  | { readonly kind: 'started'; readonly pid: number; readonly cause: string }
  | { readonly kind: 'ready'; readonly pid: number }
  /** It was not started, or died before it was ready; `log` holds the last lines that it wrote itself. */
  | {
      readonly kind: 'start_failed';
      readonly reason: string;
      readonly logFile: string;
      readonly log: readonly string[];
    }
  /** A start was refused: the old process still drains. */
  | { readonly kind: 'refused'; readonly pid: number; readonly draining: Duration }
  | { readonly kind: 'already_running'; readonly pid: number }
  | { readonly kind: 'already_stopped' }
  /** A restart leaves alone what was stopped on purpose. */
  | { readonly kind: 'left_stopped'; readonly by: string }
  /** A file of it could not be understood. */
  | { readonly kind: 'warning'; readonly problem: string };

/** A happening, of whom and when. */
export type Event = Happening & { readonly at: Moment; readonly instance: string };

/** One who was asked to finish and has not left yet. */
export interface Draining {
  readonly instance: string;
  readonly pid: number;
  /** How long ago it was asked. */
  readonly since: Duration;
  /** Why, in words. */
  readonly cause: string;
}

const failures: ReadonlySet<Event['kind']> = new Set(['start_failed', 'ask_failed', 'refused']);

/** Whether it means that the goal was missed. */
export function isFailure(event: Event): boolean {
  return failures.has(event.kind);
}

/** An event as one line of words, without its moment. */
export function formatEvent(event: Event): string {
  const { instance } = event;
  switch (event.kind) {
    case 'adopted':
      return `${instance}: adopted pid ${event.pid}: ${event.cause}`;
    case 'repaired':
      return `${instance}: pidfile written anew (pid ${event.pid}): ${event.cause}`;
    case 'forgotten':
      return `${instance}: stale pidfile removed: ${event.cause}`;
    case 'asked':
      return `${instance}: asked pid ${event.pid} to finish (${event.signal}): ${event.cause}`;
    case 'ask_failed':
      return `${instance}: could not ask pid ${event.pid} to finish: ${event.reason}`;
    case 'left':
      return `${instance}: pid ${event.pid} has left${after(event.drained)}: ${formatDeath(event.death)}`;
    case 'started':
      return `${instance}: started pid ${event.pid}: ${event.cause}`;
    case 'ready':
      return `${instance}: pid ${event.pid} is ready`;
    case 'start_failed':
      return `${instance}: start failed: ${event.reason}`;
    case 'refused':
      return `${instance} is still draining: pid ${event.pid}, for ${formatDuration(event.draining)}; the next bootcheck after it has left starts it`;
    case 'already_running':
      return `${instance} is already running: pid ${event.pid}`;
    case 'already_stopped':
      return `${instance} is already stopped`;
    case 'left_stopped':
      return `${instance} was stopped by ${event.by}: left alone; workerctl start ${instance} brings it back`;
    case 'warning':
      return `${instance}: ${event.problem}`;
  }
}

/** Less than this reads as `0s`. */
const shortest = 50;

function after(drained: Duration | undefined): string {
  if (drained === undefined) return '';
  return drained < shortest ? ' at once' : ` after ${formatDuration(drained)}`;
}
