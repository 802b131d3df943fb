import { elapsed } from '../basics/time.ts';
import { instanceStates, type InstanceState } from './instance-state.ts';
import type { InstanceStatus } from './instance-status.ts';
import type { Status } from './status.ts';
import { memoryOf } from './worker-summary.ts';

/** What the instances of a status can be sorted by: what one looks for comes first. */
export const sortKeys = [
  'instance',
  'state',
  'uptime',
  'restarts',
  'cpu',
  'memory',
  'release',
  'job',
] as const;

export type SortKey = (typeof sortKeys)[number];

/** The states that need someone first. */
const urgency: readonly InstanceState[] = [
  'failed',
  'backoff',
  'missing',
  'late',
  'frozen',
  'surplus',
  'draining',
  'retiring',
  'starting',
  'quiet',
  'ready',
  'stopped',
  'done',
];

const rankOf = (state: InstanceState): number =>
  urgency.includes(state) ? urgency.indexOf(state) : instanceStates.length;

type Order = (one: InstanceStatus, other: InstanceStatus) => number;

let collator: Intl.Collator | undefined;

/** `mail.2` before `mail.10`. */
const naturally = (one: string, other: string): number =>
  (collator ??= new Intl.Collator('en', { numeric: true })).compare(one, other);

/** The largest first; those without a value come last. */
const largest =
  (valueOf: (one: InstanceStatus) => number | undefined): Order =>
  (one, other) => {
    const [a = -Infinity, b = -Infinity] = [valueOf(one), valueOf(other)];
    return a === b ? 0 : b - a;
  };

const orders: Readonly<Record<SortKey, (status: Status) => Order>> = {
  instance: () => (one, other) => naturally(one.name, other.name),
  state: () => (one, other) => rankOf(one.state) - rankOf(other.state),
  // What was started last is what has changed.
  uptime: () => largest(({ uptime }) => (uptime === undefined ? undefined : 0 - uptime)),
  restarts: () => largest(({ restarts }) => restarts?.all),
  cpu: () => largest(({ cpu }) => cpu),
  memory: () => largest(memoryOf),
  release: () => (one, other) => naturally(one.release ?? '', other.release ?? ''),
  job: ({ at }) =>
    largest(({ activity }) => {
      if (activity?.kind !== 'busy') return undefined;
      const { since } = activity.jobs[0];
      return since === undefined ? 0 : elapsed(since, at);
    }),
};

/** The same status with its instances in another order; equal ones keep theirs. */
export const sorted = (status: Status, key: SortKey): Status => ({
  ...status,
  instances: status.instances.toSorted(orders[key](status)),
});
