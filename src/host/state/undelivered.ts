import { appendFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { integer, moment, object, text } from '../../core/basics/json-form.ts';
import type { Moment } from '../../core/basics/time.ts';
import { writeFileAtomically } from '../files/atomic-file.ts';
import { once } from '../files/once.ts';
import { removeFile } from '../files/json-file.ts';
import { makeDirectory } from '../files/make-directory.ts';
import { notifyFolder } from './hook-spool.ts';
import { fileText, readForm } from './schema.ts';

/** That notifications could not be delivered. */
export interface Undelivered {
  /** Since when, and for how many attempts in a row. */
  readonly since: Moment;
  readonly attempts: number;
  /** Of the last attempt, without any secret. */
  readonly problem: string;
  /** When the next attempt is due. */
  readonly nextAt: Moment;
}

const form = once(() =>
  object<Undelivered>({
    since: ['since', moment],
    attempts: ['attempts', integer],
    problem: ['problem', text],
    nextAt: ['next_at', moment],
  }),
);

const failingPath = (stateDir: string): string => join(notifyFolder(stateDir), 'failing');

/** One byte for each event that was not kept because too many waited already. */
const missedPath = (stateDir: string): string => join(notifyFolder(stateDir), 'missed');

/** Undefined: the last attempt succeeded, or what is known of it cannot be understood. */
export function readUndelivered(stateDir: string): Undelivered | undefined {
  const file = readForm(failingPath(stateDir), form);
  return file.kind === 'read' ? file.value : undefined;
}

/** @throws the system error */
export function writeUndelivered(stateDir: string, undelivered: Undelivered): void {
  makeDirectory(notifyFolder(stateDir));
  writeFileAtomically(failingPath(stateDir), fileText(form(), undelivered));
}

export const forgetUndelivered = (stateDir: string): void => {
  removeFile(failingPath(stateDir));
};

/** @throws the system error */
export const countMissed = (stateDir: string): void => {
  appendFileSync(missedPath(stateDir), '.');
};

/** How many events were not kept since the last delivery. */
export const missedIn = (stateDir: string): number =>
  statSync(missedPath(stateDir), { throwIfNoEntry: false })?.size ?? 0;

export const forgetMissed = (stateDir: string): void => {
  removeFile(missedPath(stateDir));
};
