import type { Activity } from './activity.ts';
import type { Duration, Moment } from './time.ts';

/** How far an instance is, for whoever waits for it. */
export type Phase =
  /** It runs, and was not asked to leave yet. */
  | 'waiting'
  /** It was asked to leave and finishes its job. */
  | 'draining'
  /** Its place is free; `detail` says why nothing is started in it yet. */
  | 'down'
  /** Its new process runs and is not ready yet. */
  | 'starting'
  | 'done'
  | 'failed';

/** One instance that a command waits for. */
export interface Progress {
  readonly instance: string;
  readonly phase: Phase;
  readonly pid?: number;
  /** How long it has been in this phase. */
  readonly since?: Duration;
  /** When a drain is ended by force; undefined: never. */
  readonly limit?: Duration;
  /** What it is doing, where that is known. */
  readonly activity?: Activity;
  /** What a reader must know besides, in words; may be empty. */
  readonly detail: string;
}

/** What a waiting command shows: all that it was asked to do, in the order of the config. */
export interface ProgressView {
  readonly command: 'start' | 'stop' | 'restart';
  readonly at: Moment;
  /** How long the command has been waiting. */
  readonly elapsed: Duration;
  readonly items: readonly Progress[];
}
