import type { Life } from '../rules/lifecycle.ts';

/** What an instance is doing, as people see it. */
export const instanceStates = [
  /** It runs and is ready. */
  'ready',
  'starting',
  /** It runs and did not become ready in time. */
  'late',
  /** It is ready and takes no new job, on purpose. */
  'quiet',
  /** It was stopped by SIGSTOP or a debugger. */
  'frozen',
  /** It was asked to exit and finishes its job. */
  'draining',
  /** An old process that drains beside its replacement. */
  'retiring',
  /** It is wanted and down. */
  'missing',
  /** It is down for a while, because it keeps failing. */
  'backoff',
  /** It is down on purpose. */
  'stopped',
  /** It has ended successfully and is not started again. */
  'done',
  /** It has ended without success and is not started again. */
  'failed',
  /** It runs and is not wanted. */
  'surplus',
  /** It is down and not wanted: not shown. */
  'gone',
] as const;

export type InstanceState = (typeof instanceStates)[number];

/** The state that is shown of a wanted instance, before its holds, stops and failures are considered. */
export const shownState: Readonly<Record<Life['state'], InstanceState>> = {
  absent: 'missing',
  dead: 'missing',
  stray: 'ready',
  starting: 'starting',
  late: 'late',
  ready: 'ready',
  quiet: 'quiet',
  draining: 'draining',
  done: 'done',
  failed: 'failed',
};

/** What instances are counted as, in `status` and in the metrics. `up`: it has a process, wanted or not. */
export type Count = 'up' | 'ready' | 'quiet' | 'draining' | 'retiring' | 'done' | 'missing';

const counts: Readonly<Record<InstanceState, readonly Count[]>> = {
  ready: ['up', 'ready'],
  starting: ['up'],
  late: ['up'],
  quiet: ['up', 'quiet'],
  frozen: ['up'],
  draining: ['up', 'draining'],
  retiring: ['retiring'],
  missing: ['missing'],
  backoff: ['missing'],
  stopped: [],
  done: ['done'],
  failed: ['missing'],
  surplus: ['up'],
  gone: [],
};

/** Whether an instance in this state is one of those. */
export const countsAs = (count: Count, state: InstanceState): boolean =>
  counts[state].includes(count);
