import { formatSize } from '../../core/basics/bytes.ts';
import { formatDuration, type Duration } from '../../core/basics/time.ts';
import { formatActivity } from '../../core/model/activity.ts';
import type { Restarts } from '../../core/rules/history.ts';
import type { InstanceStatus } from '../../core/views/instance-status.ts';
import type { Status } from '../../core/views/status.ts';
import { memoryOf } from '../../core/views/worker-summary.ts';

/** The columns of `status`, in their order. */
export const columnNames = [
  'instance',
  'state',
  'pid',
  'uptime',
  'restarts',
  'cpu',
  'memory',
  'release',
  'job',
  'detail',
] as const;

export type ColumnName = (typeof columnNames)[number];

/** What stands where there is nothing to say. */
export const nothing = '-';

interface Column {
  readonly cell: (one: InstanceStatus, status: Status) => string | undefined;
  readonly isRight?: boolean;
  /** What is said below the table if all instances have the same value; without it, the column stays. */
  readonly ofAll?: (value: string) => string;
}

export const columns: Readonly<Record<ColumnName, Column>> = {
  instance: { cell: ({ name }) => name },
  state: { cell: ({ state }) => state },
  pid: { cell: ({ pid }) => pid?.toString() },
  uptime: { cell: ({ uptime }) => formatTime(uptime) },
  restarts: {
    cell: ({ restarts }) => restarts && formatRestarts(restarts),
    isRight: true,
    ofAll: (value) => `${value === '0' ? 'no restarts' : `restarts: ${value} each`} in 24 h`,
  },
  cpu: {
    cell: ({ cpu }) => formatTime(cpu),
    isRight: true,
    ofAll: (value) => `CPU ${value}`,
  },
  memory: {
    cell: (one) => {
      const bytes = memoryOf(one);
      return bytes === undefined ? undefined : formatSize(bytes);
    },
    isRight: true,
    ofAll: (value) => `memory ${value}`,
  },
  release: { cell: ({ release }) => release, ofAll: (value) => `release ${value}` },
  job: { cell: formatJob, ofAll: (value) => value },
  detail: { cell: formatDetail, ofAll: (value) => value },
};

const formatTime = (time: Duration | undefined): string | undefined =>
  time === undefined ? undefined : formatDuration(time);

/** `3`, or `3 (2 died)` if two of them were not asked for. */
export const formatRestarts = ({ all, unexpected }: Restarts): string =>
  unexpected === 0 ? String(all) : `${all} (${unexpected} died)`;

/** `import 212 for 2m 10s, usually 3m`, `idle`. */
function formatJob({ activity, usual }: InstanceStatus, { at }: Status): string | undefined {
  if (activity === undefined) return undefined;
  const words = formatActivity(activity, at);
  return activity.kind === 'idle' || usual === undefined
    ? words
    : `${words}, usually ${formatDuration(usual)}`;
}

function formatDetail({ isOutdated, state, detail, activity, usual }: InstanceStatus): string {
  const isLeaving = state === 'draining' || state === 'retiring';
  const isMuchSaid = isOutdated === true || usual !== undefined;
  if (!isMuchSaid) return detail;
  const parts = [
    isOutdated === true && !isLeaving ? 'outdated' : '',
    detail,
    activity === undefined && usual !== undefined ? `usually takes ${formatDuration(usual)}` : '',
  ];
  return parts.filter((part) => part !== '').join('; ');
}
