import { durationOf, type Moment } from '../basics/time.ts';
import type { ProcessIdentity } from './process.ts';

/** A command that was given an id (`--op`), so that it is run once, however often it is sent. */
export interface Operation {
  readonly id: string;
  readonly command: string;
  /** The whole command line after `workerctl`, in one form whatever it was written like, with the path of the config. */
  readonly words: readonly string[];
  /** The user who asks: `deploy@web1`. */
  readonly by: string;
  readonly at: Moment;
}

/** The process that runs an operation. */
export interface OperationRunner extends ProcessIdentity {
  readonly begunAt: Moment;
}

/** How an operation has ended. */
export interface OperationEnd {
  readonly exitCode: number;
  readonly at: Moment;
  /** Its output could not be kept as a whole: it was too long, or the disk was full. */
  readonly isIncomplete: boolean;
}

/** How far an operation is. */
export type OperationState =
  /** Nothing has been done yet. */
  | { readonly kind: 'asked' }
  | { readonly kind: 'running'; readonly runner: OperationRunner }
  /** Its runner has ended without a result: it was killed, or the host went down. What it has done is not known from here. */
  | { readonly kind: 'lost'; readonly runner?: OperationRunner }
  | { readonly kind: 'ended'; readonly end: OperationEnd };

export const operationStates = [
  'asked',
  'running',
  'lost',
  'ended',
] as const satisfies readonly OperationState['kind'][];

export type KnownOperation = Operation & { readonly state: OperationState };

/** It names a directory. */
const idPattern = /^[A-Za-z0-9][\w.-]{0,63}$/;

export const isOperationId = (text: string): boolean => idPattern.test(text);

export const idWords =
  'up to 64 letters, digits, ".", "_" and "-", of which the first is a letter or a digit';

/** For how long an operation is kept after it has ended, or after it was asked for and never ended. */
export const operationLife = durationOf(7 * 24 * 3_600_000);

/** How much of its output is kept, in bytes; its result is kept in any case. */
export const mostOutput = 8 * 1024 * 1024;

/** Whether two requests ask for the same. */
export const isSameRequest = (a: Operation, b: Pick<Operation, 'words'>): boolean =>
  JSON.stringify(a.words) === JSON.stringify(b.words);
