import type { Duration, Moment } from '../basics/time.ts';
import type { Activity } from '../model/activity.ts';
import type { ProcessRef } from '../model/instance.ts';
import type { Renewal } from '../rules/lifecycle.ts';

/** How far an instance is, for a command that waits for it. */
export type Phase =
  /** It runs, and was not asked to exit yet. */
  | 'waiting'
  /** It was asked to exit and finishes its job. */
  | 'draining'
  /** It has no process; `detail` says why none is started yet. */
  | 'down'
  /** Its new process runs and is not ready yet. */
  | 'starting'
  | 'done'
  | 'failed';

/** The phase that each state of a renewal is, for a command that waits until it is done. */
export const phaseOf: Readonly<Record<Renewal['state'], Phase>> = {
  pending: 'waiting',
  draining: 'draining',
  empty: 'down',
  starting: 'starting',
  ready: 'done',
  done: 'done',
  late: 'failed',
  died: 'failed',
};

/** One instance that a command waits for. */
export interface Progress extends ProcessRef {
  readonly phase: Phase;
  readonly pid?: number;
  /** How long it has been in this phase. */
  readonly since?: Duration;
  /** How soon a drain is ended by a kill; undefined: never. */
  readonly limit?: Duration;
  /** What it is doing, if that is known. */
  readonly activity?: Activity;
  /** What else is worth knowing, in words; may be empty. */
  readonly detail: string;
  /** It is a host of a fleet: its instances have limits of their own. */
  readonly isHost?: true;
}

/** What a waiting command shows: all that it was asked to do, in the order of the config. */
export interface ProgressView {
  readonly command: 'start' | 'stop' | 'restart';
  readonly at: Moment;
  /** How long the command has been waiting. */
  readonly elapsed: Duration;
  readonly items: readonly Progress[];
}
