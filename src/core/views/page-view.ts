import type { Moment } from '../basics/time.ts';
import { momentOf, type Duration } from '../basics/time.ts';
import { visible, visibleInLine } from '../basics/visible.ts';
import { formatRollout, type RolloutStatus } from './rollout-status.ts';
import { shownName } from '../model/instance.ts';
import type { JournalEntry } from '../events/journal.ts';
import type { DayView } from './day-view.ts';
import type { InstanceState } from './instance-state.ts';
import type { InstanceStatus } from './instance-status.ts';
import type { MemberState } from './member-status.ts';
import { isShort, type Status } from './status.ts';

/** What the page in a browser shows: plain values, which become HTML, or JSON for the browser, without anything else. */
export interface PageView {
  readonly host: string;
  /** The path of the config. */
  readonly config: string;
  readonly version: string;
  readonly at: Moment;
  /** The host's minutes ahead of UTC: times are shown as the log has them, wherever the browser is. */
  readonly offset: number;
  /** What people must know first, in words. */
  readonly problems: readonly string[];
  readonly totals: PageTotals;
  readonly workers: readonly PageWorker[];
  readonly rollouts: readonly PageRollout[];
  /** The latest one first. */
  readonly events: readonly PageEvent[];
  readonly day: DayView;
  /** The instance that is looked at closely. */
  readonly focus?: PageFocus;
}

export interface PageTotals {
  readonly wanted: number;
  readonly up: number;
  readonly ready: number;
  readonly quiet: number;
  readonly done: number;
  readonly busy: number;
  readonly isShort: boolean;
}

export interface PageWorker {
  readonly name: string;
  readonly wanted: number;
  readonly release?: string;
  readonly instances: readonly PageInstance[];
}

export interface PageInstance {
  readonly name: string;
  readonly state: InstanceState;
  readonly pid?: number;
  /** Since when its process runs. */
  readonly since?: Moment;
  readonly release?: string;
  readonly isOutdated?: true;
  /** What it works on; empty if it only says that it is busy. Undefined: idle, or it says nothing. */
  readonly job?: string;
  readonly jobSince?: Moment;
  /** How many other jobs it has. */
  readonly moreJobs?: number;
  /** In bytes, with all processes that it has started. */
  readonly memory?: number;
  /** The part of one core that it has used of late. */
  readonly cpu?: number;
  /** What else is worth knowing, in words. */
  readonly note?: string;
}

export interface PageRollout {
  readonly id: string;
  readonly state: RolloutStatus['state'];
  readonly words: string;
  readonly counts: RolloutStatus['counts'];
  readonly members: readonly PageMember[];
}

export interface PageMember {
  readonly instance: string;
  readonly state: MemberState;
  readonly detail: string;
}

export interface PageEvent {
  readonly at: Moment;
  readonly instance: string;
  readonly kind: string;
  readonly level: 'info' | 'warning' | 'error';
  readonly text: string;
}

export interface PageFocus {
  readonly instance: string;
  /** Nothing runs or is recorded under this name, and the config does not have it. */
  readonly isUnknown: boolean;
  readonly log: readonly string[];
  /** Why the log is not shown, in words. */
  readonly logProblem?: string;
}

/** What was measured of a process. */
export interface Usage {
  /** In bytes. */
  readonly memory: number;
  /** As in PageInstance; undefined until it was measured twice. */
  readonly cpu?: number;
}

/** What a page is made of. */
export interface PageFacts extends Pick<
  PageView,
  'host' | 'config' | 'version' | 'offset' | 'day'
> {
  readonly status: Status;
  /** What keeps the watch from its work. */
  readonly problem?: string | undefined;
  /** By pid. */
  readonly usage: ReadonlyMap<number, Usage>;
  readonly events: readonly JournalEntry[];
}

/** Texts of others have no control characters in it. */
export function pageViewOf({ status, problem, usage, events, ...facts }: PageFacts): PageView {
  const { at, instances, stateProblem } = status;
  const words = [
    ...(problem === undefined ? [] : [`watch cannot do all of its work: ${problem}`]),
    ...(stateProblem === undefined ? [] : [stateProblem.problem]),
  ];
  const shown = instances.map((one) => instanceOf(one, at, usage));
  return {
    ...facts,
    at,
    problems: words.map(visibleInLine),
    totals: {
      wanted: status.wanted,
      up: status.up,
      ready: status.ready,
      quiet: status.quiet,
      done: status.done,
      busy: instances.filter(({ activity }) => activity?.kind === 'busy').length,
      isShort: isShort(status),
    },
    workers: workersIn(status, shown),
    rollouts: status.rollouts.map(rolloutOf),
    events: events.map(eventOf).reverse(),
  };
}

/** Those of the config in its order, then those that only have processes. */
function workersIn(
  { desired, releases, instances }: Status,
  shown: readonly PageInstance[],
): PageWorker[] {
  const names = new Set([...Object.keys(desired), ...instances.map(({ worker }) => worker)]);
  return [...names].map((name) => {
    const release = releases[name];
    return {
      name,
      wanted: desired[name] ?? 0,
      ...(release !== undefined && { release: visibleInLine(release) }),
      instances: shown.filter((_, index) => instances[index]?.worker === name),
    };
  });
}

function instanceOf(
  one: InstanceStatus,
  at: Moment,
  usage: ReadonlyMap<number, Usage>,
): PageInstance {
  const { name, state, pid, uptime, release, activity } = one;
  const measured = pid === undefined ? undefined : usage.get(pid);
  const job = activity?.kind === 'busy' ? activity.jobs[0] : undefined;
  const more = activity?.kind === 'busy' ? activity.count - 1 : 0;
  const note = noteOf(one);
  return {
    name: state === 'retiring' ? shownName({ instance: name, retiring: '' }) : name,
    state,
    ...(pid !== undefined && { pid }),
    ...(uptime !== undefined && { since: secondBefore(at, uptime) }),
    ...(release !== undefined && { release: visibleInLine(release) }),
    ...(one.isOutdated === true && { isOutdated: true }),
    ...(job && { job: visibleInLine(job.what) }),
    ...(job?.since !== undefined && { jobSince: job.since }),
    ...(more > 0 && { moreJobs: more }),
    ...(measured && { memory: measured.memory }),
    ...(measured?.cpu !== undefined && { cpu: measured.cpu }),
    ...(note !== '' && { note }),
  };
}

/** Rounded, so that it is the same at each look. */
const secondBefore = (at: Moment, age: Duration): Moment =>
  momentOf(Math.round((at - age) / 1_000) * 1_000);

const noteOf = ({ detail, startProblem, logProblem }: InstanceStatus): string =>
  visibleInLine(
    [detail, startProblem, logProblem]
      .filter((one, index, all) => one !== undefined && one !== '' && all.indexOf(one) === index)
      .join('; '),
  );

const rolloutOf = (rollout: RolloutStatus): PageRollout => ({
  id: rollout.id,
  state: rollout.state,
  words: visibleInLine(formatRollout(rollout)),
  counts: rollout.counts,
  members: rollout.members.map(({ instance, state, detail }) => ({
    instance,
    state,
    detail: visibleInLine(detail),
  })),
});

/** Any program can write into the journal. */
function eventOf({ at, instance, kind, level, text, retiring }: JournalEntry): PageEvent {
  const name = retiring === true ? shownName({ instance, retiring: '' }) : instance;
  return {
    at: momentOf(Date.parse(at)),
    instance: visibleInLine(name),
    kind: visibleInLine(kind),
    level: level === 'error' || level === 'warning' ? level : 'info',
    text: visibleInLine(typeof text === 'string' && text !== '' ? text : kind),
  };
}

/** Lines of a log, as a page shows them. */
export const logLinesOf = (lines: readonly string[]): string[] =>
  lines.map((line) => visible(line.replace(/\r$/, '').slice(0, longestLine)));

/** A longer line is no text that a person reads. */
const longestLine = 2_000;
