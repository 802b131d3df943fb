import { optional, required } from './event-kind.ts';
import * as form from './form.ts';

// Members that several kinds share.

export const pid = required(form.integer, 'The process.');
export const runId = required(
  form.text,
  'Identifies this run of the process: the same in all its lines that have it.',
);
export const cause = required(form.text, 'Why it was done.');
export const problem = required(form.text, 'What went wrong.');
export const job = optional(form.text, 'The job that it was busy with, if known.');
export const release = optional(form.text, 'The release of its code, if known.');
export const signal = required(form.signal, 'The signal that it was sent.');
export const logFile = required(form.text, 'The path of its log.');
export const death = required(form.death, 'How the process ended.');
export const requestedBy = required(form.text, 'The user who asked for it, as user@host.');
export const drained = optional(form.seconds, 'How long it drained, if it had been asked to stop.');
