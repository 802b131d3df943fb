import { durationOf, formatDuration, type Duration } from '../basics/time.ts';
import type { Worker } from '../model/config.ts';

/** When a trap applies to a worker. */
export type Condition =
  | { readonly kind: 'always' }
  /** The command has one of these options. */
  | { readonly kind: 'has_option'; readonly options: readonly string[] }
  /** The command has none of these options. */
  | { readonly kind: 'lacks_option'; readonly options: readonly string[] }
  | Cut
  /** Nothing makes the worker take no new jobs. */
  | { readonly kind: 'no_quiet' }
  /** The process title says whether it is busy. */
  | { readonly kind: 'busy_title' }
  /** Another signal asks it to stop. */
  | { readonly kind: 'other_signal'; readonly signal: string }
  /** There is more than one instance. */
  | { readonly kind: 'several' }
  /** The old and the new process of an instance may run at once. */
  | { readonly kind: 'overlaps' }
  | { readonly kind: 'no_lost_hook' }
  | { readonly kind: 'ready_notify' }
  | { readonly kind: 'no_stay' }
  /** It is ready after a time that is shorter than this. */
  | { readonly kind: 'ready_after_less'; readonly seconds: number };

/**
 * The program itself ends a job that takes longer than the value of this option: shorter than `stop.timeout`, shorter than a
 * job that is running, or left at its default.
 */
export interface Cut {
  readonly kind: 'cuts_jobs';
  readonly options: readonly string[];
  /** What holds without the option; undefined: no limit. */
  readonly seconds?: number;
  /** What the option is in; undefined: seconds. */
  readonly unit?: 'ms';
}

/** Whether the condition holds. `longest` is how long the longest running job has taken, as far as it is known. */
export function appliesTo(worker: Worker, condition: Condition, longest?: Duration): boolean {
  switch (condition.kind) {
    case 'always':
      return true;
    case 'has_option':
      return optionValue(worker, condition.options) !== undefined;
    case 'lacks_option':
      return optionValue(worker, condition.options) === undefined;
    case 'cuts_jobs':
      return cutsTooEarly(worker, condition, longest);
    case 'no_quiet':
      return worker.stop.quiet === undefined;
    case 'busy_title':
      return worker.busyTitle !== undefined;
    case 'other_signal':
      return worker.stop.signal !== condition.signal;
    case 'several':
      return worker.identifiers.length > 1;
    case 'overlaps':
      return worker.restart.overlap;
    case 'no_lost_hook':
      return worker.hooks.lost === undefined;
    case 'ready_notify':
      return worker.ready.kind === 'notify';
    case 'no_stay':
      return worker.ready.stay === undefined;
    case 'ready_after_less':
      return worker.ready.kind === 'after' && worker.ready.after < condition.seconds * 1000;
  }
}

/** The key of a worker that decides whether the condition holds. */
export function keyOf(condition: Condition): string {
  switch (condition.kind) {
    case 'always':
      return 'preset';
    case 'has_option':
    case 'lacks_option':
    case 'cuts_jobs':
      return 'command';
    case 'no_quiet':
      return 'stop.quiet';
    case 'busy_title':
      return 'busy.title';
    case 'other_signal':
      return 'stop.signal';
    case 'several':
      return 'count';
    case 'overlaps':
      return 'restart.overlap';
    case 'no_lost_hook':
      return 'hooks.lost';
    case 'ready_notify':
      return 'ready.notify';
    case 'no_stay':
      return 'ready.stay';
    case 'ready_after_less':
      return 'ready.after';
  }
}

/** The condition in words, for the documentation; undefined: it always holds. */
export function conditionWords(condition: Condition): string | undefined {
  switch (condition.kind) {
    case 'always':
      return undefined;
    case 'has_option':
      return `with ${orList(condition.options)}`;
    case 'lacks_option':
      return `without ${orList(condition.options)}`;
    case 'cuts_jobs':
      return `if ${orList(condition.options)} is ${condition.seconds === undefined ? '' : 'left out, or '}less than \`stop.timeout\` or than a running job has taken`;
    case 'no_quiet':
      return 'without `stop.quiet`';
    case 'busy_title':
      return 'with `busy.title`';
    case 'other_signal':
      return `if \`stop.signal\` is not ${condition.signal}`;
    case 'several':
      return 'with more than one instance';
    case 'overlaps':
      return 'with `restart.overlap`';
    case 'no_lost_hook':
      return 'without `hooks.lost`';
    case 'ready_notify':
      return 'with `ready.notify`';
    case 'no_stay':
      return 'without `ready.stay`';
    case 'ready_after_less':
      return `if \`ready.after\` is less than ${condition.seconds} s`;
  }
}

function cutsTooEarly(worker: Worker, cut: Cut, longest?: Duration): boolean {
  const limit = cutOf(worker, cut);
  if (limit === undefined) return false;
  if (optionValue(worker, cut.options) === undefined) return true;
  const { timeout } = worker.stop;
  return (timeout !== undefined && limit < timeout) || (longest !== undefined && limit <= longest);
}

/** How long the program gives its jobs; undefined: no limit. */
function cutOf(worker: Worker, { options, seconds, unit }: Cut): Duration | undefined {
  const written = optionValue(worker, options);
  const value = written === undefined || written === '' ? NaN : Number(written);
  if (value < 0) return undefined;
  if (!Number.isNaN(value)) return durationOf(unit === 'ms' ? value : value * 1000);
  return seconds === undefined ? undefined : durationOf(seconds * 1000);
}

/** `25s, its default`, or what the command says. */
export function cutWords(worker: Worker, cut: Cut): string {
  const limit = formatDuration(cutOf(worker, cut) ?? durationOf(0));
  return optionValue(worker, cut.options) === undefined ? `${limit} (its default)` : limit;
}

/** The value of the first of these options in the command, empty if it has none: `--name x`, `--name=x`, `-n x`, `-nx`. */
function optionValue({ command }: Worker, options: readonly string[]): string | undefined {
  // A shell's script is one word of the command.
  const words = command.flatMap((word) => word.split(/\s+/));
  for (const [at, word] of words.entries())
    for (const option of options) {
      if (word === option) return words[at + 1] ?? '';
      const isLong = option.startsWith('--');
      if (word.startsWith(isLong ? `${option}=` : option))
        return word.slice(option.length).replace(/^=/, '');
    }
  return undefined;
}

const orList = (words: readonly string[]): string =>
  words.map((word) => `\`${word}\``).join(' or ');
