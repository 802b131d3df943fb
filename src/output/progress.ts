import { formatActivity } from '../core/model/activity.ts';
import { shownName } from '../core/model/instance.ts';
import type { Phase, Progress, ProgressView } from '../core/views/phase.ts';
import {
  durationOf,
  formatDuration,
  formatTimeOfDay,
  type Duration,
  type Moment,
} from '../core/basics/time.ts';
import { namedAtMost } from '../core/basics/names.ts';

/** Whether a command still waits for an instance in this phase. The order is that of the display. */
const isAwaited: Readonly<Record<Phase, boolean>> = {
  failed: false,
  draining: true,
  starting: true,
  down: true,
  waiting: true,
  done: false,
};

/** All phases: failures first, then the most active ones. */
export const phases = Object.keys(isAwaited) as readonly Phase[];

/** The same instances in the order of their phases; the longest drains come first. */
export const byPhase = (items: readonly Progress[]): readonly Progress[] =>
  phases.flatMap((phase) => {
    const those = inPhase(items, phase);
    return phase === 'draining'
      ? those.toSorted((one, other) => (other.since ?? 0) - (one.since ?? 0))
      : those;
  });

/** How many instances are in each phase; empty phases are left out, unless they are in `always`. */
export const countedPhases = (items: readonly Progress[], ...always: readonly Phase[]): string =>
  phases
    .map((phase) => ({ phase, count: inPhase(items, phase).length }))
    .filter(({ phase, count }) => count > 0 || always.includes(phase))
    .map(({ phase, count }) => `${count} ${phase}`)
    .join(', ');

/** How far a command is: `restart [====>---] 7/12  5 draining, 0 failed  1m 10s`; without the bar if there is no room. */
export function formatHeader({ command, items, elapsed }: ProgressView, columns: number): string {
  const done = inPhase(items, 'done').length;
  const others = items.filter(({ phase }) => phase !== 'done');
  const counts = `${done}/${items.length}  ${countedPhases(others, 'failed')}`;
  const words = `${counts}  ${formatDuration(whole(elapsed))}`;
  const room = Math.min(20, columns - `${command} [] ${words}`.length);
  const bar = room < 5 ? '' : `[${formatBar(done, items.length, room)}] `;
  return `${command} ${bar}${words}`;
}

function formatBar(done: number, all: number, length: number): string {
  if (done >= all) return '='.repeat(length);
  const full = Math.floor((length * done) / all);
  return `${'='.repeat(full)}>${'-'.repeat(length - full - 1)}`;
}

/** Whole seconds: tenths would make each frame another one. */
const whole = (length: Duration): Duration => durationOf(Math.floor(length / 1000) * 1000);

/** With fewer columns, pids are left out so that there is room for what the instances do. */
const narrow = 60;

/** Formats the line of an instance. All lines have the same columns, so that nothing moves from one view to the next. */
export function rowFormat(
  { at, items }: ProgressView,
  columns: number,
): (item: Progress) => string {
  const names = Math.max(...items.map((item) => shownName(item).length));
  const pids = columns < narrow ? 0 : Math.max(...items.map((item) => formatPid(item).length)) + 2;
  return (item) => {
    const name = shownName(item).padEnd(names);
    const phase = item.phase.padEnd('draining'.length);
    const pid = formatPid(item).slice(0, pids).padEnd(pids);
    const since = (item.since === undefined ? '' : formatDuration(whole(item.since))).padEnd(
      '59m 59s'.length,
    );
    return `${name}  ${phase}  ${pid}${since}  ${formatWork(item, at)}`.trimEnd();
  };
}

/**
 * For pipes and CI: one dated line that says what a command still waits for, and why that takes time; empty if nothing is
 * pending. `12:03:04 waiting for 2 of 12: 1 draining: mail.3 (pid 5843, job 212 for 2m 10s, no limit); ...`
 */
export function formatSignOfLife({ at, items }: ProgressView): string {
  const pending = byPhase(items.filter(({ phase }) => isAwaited[phase]));
  if (pending.length === 0) return '';
  const named = pending.slice(0, namedAtMost);
  const groups = phases
    .map((phase) => formatGroup(phase, inPhase(pending, phase), inPhase(named, phase), at))
    .filter((group) => group !== '');
  const counted = `waiting for ${pending.length} of ${items.length}`;
  return `${formatTimeOfDay(at)} ${counted}: ${groups.join('; ')}\n`;
}

function formatGroup(
  phase: Phase,
  all: readonly Progress[],
  named: readonly Progress[],
  at: Moment,
): string {
  if (all.length === 0) return '';
  const counted = `${all.length} ${phase}`;
  if (named.length === 0) return counted;
  const more = all.length - named.length;
  const names = named.map((item) => formatNamed(item, at)).join(', ');
  return `${counted}: ${names}${more > 0 ? ` and ${more} more` : ''}`;
}

/** The name of an instance and what is known about it. If it still waits for its turn, only the name. */
function formatNamed(item: Progress, at: Moment): string {
  const { phase, activity, limit, detail } = item;
  const name = shownName(item);
  if (phase === 'waiting') return name;
  const work =
    activity === undefined
      ? [formatSince(item), limit === undefined ? '' : until(item)]
      : [formatActivity(activity, at), until(item)];
  const known = joined([formatPid(item), ...work, detail]);
  return known === '' ? name : `${name} (${known})`;
}

const formatPid = ({ pid }: Progress): string => (pid === undefined ? '' : `pid ${pid}`);

const formatSince = ({ since }: Progress): string =>
  since === undefined ? '' : formatDuration(since);

/** What an instance does, how long it may take, and further details: `job 212 for 2m 10s, no limit`. */
const formatWork = (item: Progress, at: Moment): string =>
  joined([
    item.activity === undefined ? '' : formatActivity(item.activity, at),
    until(item),
    item.detail,
  ]);

/** When a drain is ended by force; empty in the other phases. */
function until({ phase, limit, isHost }: Progress): string {
  if (phase !== 'draining' || isHost === true) return '';
  if (limit === undefined) return 'no limit';
  return `limit in ${formatDuration(durationOf(Math.max(0, limit)))}`;
}

const inPhase = (items: readonly Progress[], phase: Phase): readonly Progress[] =>
  items.filter((item) => item.phase === phase);

const joined = (words: readonly string[]): string => words.filter((word) => word !== '').join(', ');
