import { optional, required } from './event-kind.ts';
import * as form from './form.ts';
import { integer, seconds, text } from '../basics/json-form.ts';

// Members that several kinds share.

export const pid = required(integer, 'The process.');
export const runId = required(
  text,
  'Identifies this run of the process: the same in all its lines that have it.',
);
export const cause = required(text, 'Why it was done.');
export const problem = required(text, 'What went wrong.');
/** What it was busy with. */
export const heldJobs = {
  job: optional(text, 'The job that it was busy with, if known; of several the oldest.'),
  jobs: optional(form.lines, 'All its jobs that are known, the oldest first, at most 100.'),
  jobCount: optional(integer, 'How many jobs it had.'),
};
export const release = optional(text, 'The release of its code, if known.');
export const signal = required(form.signal, 'The signal that it was sent.');
export const logError = optional(
  text,
  'The line of its log that looks like the error, with its cause: from the last 64 KiB, without values that look secret, at most 300 characters.',
);
export const logFile = required(text, 'The path of its log.');
export const death = required(form.death, 'How the process ended.');
export const requestedBy = required(text, 'The user who asked for it, as user@host.');
export const drained = optional(seconds, 'How long it drained, if it had been asked to stop.');
