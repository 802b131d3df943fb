import { formatDayAndTime, formatDuration, type Duration, type Moment } from '../basics/time.ts';
import type { Action, ActionKind, ActionOf } from './action.ts';
import type { QuietMeans } from './config.ts';
import { shownName } from './instance.ts';
import { namedProcesses } from './leftovers.ts';

/** What one pass does, in this order. */
export type Plan = readonly Action[];

/** An instance and its process as an action names them. */
const target = (
  action: ActionOf<'limit' | 'kill' | 'dump' | 'resume' | 'stop' | 'quiet' | 'retire'>,
): string => `${shownName(action)} pid ${action.process.pid}`;

const by = (means: QuietMeans): string =>
  typeof means === 'string' ? `SIG${means}` : `by ${means.command[0] ?? ''}`;

const within = (limit: Duration | undefined): string =>
  limit === undefined ? '' : `, killed after ${formatDuration(limit)}`;

/** Each kind of action in words, without its cause. The order is the order in which a plan is carried out. */
const words: { readonly [Kind in ActionKind]: (action: ActionOf<Kind>) => string } = {
  adopt: (action) => `adopt pid ${action.process.pid} as ${shownName(action)}`,
  write_pidfile: (action) => `write the pidfile of ${shownName(action)} (pid ${action.pid})`,
  remove_pidfile: (action) => `remove the pidfile of ${shownName(action)}`,
  leftovers: (action) => {
    const { rule, left } = action;
    const what = `what pid ${left.of.pid} of ${shownName(action)} left behind`;
    return `${rule === 'kill' ? 'kill' : 'wait for'} ${what}, ${namedProcesses(left.processes)}`;
  },
  clean_up: (action) => `remove the files of ${shownName(action)}`,
  limit: (action) => `limit the time of ${target(action)} and its session`,
  kill: (action) => `kill ${target(action)} and its session`,
  dump: (action) => `ask ${target(action)} for a dump (SIG${action.signal})`,
  resume: (action) => `ask ${target(action)} to take jobs again (${by(action.means)})`,
  stop: (action) => `ask ${target(action)} to finish (SIG${action.signal}${within(action.limit)})`,
  quiet: (action) =>
    action.means === undefined
      ? `let ${target(action)} ${action.stopsWhenIdle ? 'finish its job (it takes no new one)' : 'run on (it takes no new job)'}`
      : `ask ${target(action)} to take no new job (${by(action.means)})`,
  retire: (action) => `let ${target(action)} drain beside its replacement`,
  start: (action) => `start ${shownName(action)}`,
  rotate: (action) => `rotate the log of ${shownName(action)}`,
};

/** All kinds of actions, in the order in which a plan is carried out. */
export const actionKinds = Object.keys(words) as ActionKind[];

/** These actions as a plan. Those of one kind stay in their order. */
export const planOf = (actions: readonly Action[]): Plan =>
  actions.toSorted((a, b) => actionKinds.indexOf(a.kind) - actionKinds.indexOf(b.kind));

/** One action as a line, without a newline: `start mail.1: pid 5843 died: exit status 1`. */
export const formatAction = (action: Action): string => {
  const format = words[action.kind] as (action: Action) => string;
  return `${format(action)}: ${action.cause}`;
};

/** A plan as stable text, a line for each action. */
export const formatPlan = (plan: Plan): string =>
  plan.map((action) => `${formatAction(action)}\n`).join('');

/** A log that is to be rotated. */
export type Rotation = ActionOf<'rotate'>;

/** The two halves of a plan: what a pass does under its lock, and what comes beside it because it may take longer. */
export function withoutRotations(plan: Plan): { plan: Plan; rotations: readonly Rotation[] } {
  return {
    plan: plan.filter(({ kind }) => kind !== 'rotate'),
    rotations: plan.filter((action) => action.kind === 'rotate'),
  };
}

/** What is only noted of an instance: no action, and yet what a command is for. */
export type Noted =
  | {
      readonly kind: 'hold';
      readonly instance: string;
      readonly until?: Moment;
      readonly cause: string;
    }
  | { readonly kind: 'unhold'; readonly instance: string; readonly cause: string };

/** What is noted, as a line without a newline. */
export function formatNoted(noted: Noted, now: Moment): string {
  const { instance, cause } = noted;
  switch (noted.kind) {
    case 'hold': {
      const until = noted.until === undefined ? '' : ` until ${formatDayAndTime(noted.until, now)}`;
      return `hold ${instance}${until}: ${cause}`;
    }
    case 'unhold':
      return `remove the hold of ${instance}: ${cause}`;
  }
}

/** How long a restart of a worker will take, going by its latest drains. */
export interface DrainEstimate {
  readonly worker: string;
  /** What one drain usually takes. */
  readonly usual: Duration;
  /** All of them, one batch after the other, without the starts. */
  readonly total: Duration;
}

/** What a command would do. */
export interface Planned {
  /** Noted first. */
  readonly noted: readonly Noted[];
  readonly plan: Plan;
  /** The instances whose turn comes later, when others are ready on the new release or have made room. */
  readonly later: readonly string[];
  readonly estimates?: readonly DrainEstimate[];
  /** Why the command would fail, a line each. */
  readonly problems: readonly string[];
}
