import { lookup } from '../../core/basics/lookup.ts';
import type { RolloutStatus } from '../../core/views/rollout-status.ts';
import { countsAs, instanceStates, type Count } from '../../core/views/instance-state.ts';
import type { InstanceStatus } from '../../core/views/instance-status.ts';
import { type Status } from '../../core/views/status.ts';
import { formatFamilies, type Family, type Sample } from './exposition.ts';
import { factFamilies, type MetricsFacts } from './facts.ts';

/**
 * A status of all workers for Prometheus: sorted, without timestamps, and with about ten series for each instance. A status of
 * selected targets would look as if the others had disappeared.
 */
export function formatMetrics(status: Status, facts: MetricsFacts = {}): string {
  const instances = status.instances.map(named).sort(byName);
  const { config } = facts;
  return formatFamilies(
    [
      ...workerFamilies(status, instances),
      // Old processes have the names of their replacements, and several may share one: they are only counted.
      ...instanceFamilies(instances.filter(({ state }) => state !== 'retiring')),
      ...drainFamilies(instances),
      ...rolloutFamilies(status.rollouts),
      gauge(
        'workerctl_wanted_known',
        'Whether stops, holds, counts and restarts are known: 0 if state.json and its copy cannot be used.',
        [{ labels: {}, value: Number(status.stateProblem?.isUnknown !== true) }],
      ),
      ...factFamilies(facts),
    ],
    config === undefined ? {} : { config },
  );
}

type Named = InstanceStatus & { readonly identifier: string };

const named = (instance: InstanceStatus): Named => ({
  ...instance,
  identifier: instance.name.slice(instance.worker.length + 1),
});

const byName = (one: Named, other: Named): number =>
  compare(one.worker, other.worker) || compare(one.identifier, other.identifier);

const compare = (one: string, other: string): number => (one < other ? -1 : Number(one > other));

type Question = (instance: InstanceStatus) => boolean;

const counted =
  (as: Count): Question =>
  ({ state }) =>
    countsAs(as, state);

const runsOldCode: Question = ({ state, isOutdated }) =>
  isOutdated === true && state !== 'retiring';

const counts: readonly (readonly [name: string, help: string, isCounted: Question])[] = [
  ['up', 'Instances that have a process, wanted or not.', counted('up')],
  ['ready', 'Instances that run and are ready.', counted('ready')],
  ['quiet', 'Instances that are ready and take no new job on purpose.', counted('quiet')],
  ['draining', 'Instances that finish their job before they exit.', counted('draining')],
  ['retiring', 'Old processes that drain beside their replacement.', counted('retiring')],
  ['done', 'Instances that have ended successfully and are not started again.', counted('done')],
  ['missing', 'Instances that are wanted and down.', counted('missing')],
  ['outdated', 'Instances whose process runs old code.', runsOldCode],
];

function workerFamilies({ desired }: Status, instances: readonly Named[]): Family[] {
  const workers = [
    ...new Set([...Object.keys(desired), ...instances.map(({ worker }) => worker)]),
  ].sort();
  const family = (name: string, help: string, valueFor: (worker: string) => number): Family =>
    gauge(
      `workerctl_instances_${name}`,
      help,
      workers.map((worker) => ({ labels: { worker }, value: valueFor(worker) })),
    );
  return [
    family('wanted', 'Instances that should run.', (worker) => lookup(desired, worker) ?? 0),
    ...counts.map(([name, help, isCounted]) =>
      family(
        name,
        help,
        (worker) => instances.filter((one) => one.worker === worker && isCounted(one)).length,
      ),
    ),
  ];
}

const shownStates = instanceStates.filter((state) => state !== 'retiring' && state !== 'gone');

function instanceFamilies(instances: readonly Named[]): Family[] {
  const samples = (samplesOf: (one: Named) => readonly Sample[]): Sample[] =>
    instances.flatMap((one) => {
      const { worker, identifier } = one;
      return samplesOf(one).map(({ labels, value }) => ({
        labels: { worker, identifier, ...labels },
        value,
      }));
    });
  return [
    gauge(
      'workerctl_instance_state',
      'The state of an instance: 1 for the state that it is in.',
      samples((one) =>
        shownStates.map((state) => ({ labels: { state }, value: Number(one.state === state) })),
      ),
    ),
    gauge(
      'workerctl_instance_info',
      'The release that the process runs, if it is known.',
      samples(({ release }) => (release === undefined ? [] : [{ labels: { release }, value: 1 }])),
    ),
    gauge(
      'workerctl_instance_uptime_seconds',
      'How long the process has been running.',
      samples(({ uptime }) => (uptime === undefined ? [] : [{ labels: {}, value: uptime / 1000 }])),
    ),
    gauge(
      'workerctl_instance_memory_bytes',
      'The memory of the process and its session, if it is measured.',
      samples(({ memory }) => (memory === undefined ? [] : [{ labels: {}, value: memory }])),
    ),
    gauge(
      'workerctl_instance_failures',
      'How many of its processes in a row died soon after their start.',
      samples(({ failures = 0 }) => [{ labels: {}, value: failures }]),
    ),
    gauge(
      'workerctl_instance_busy',
      'Whether the process has a job, if that is known.',
      samples(({ activity }) =>
        activity === undefined ? [] : [{ labels: {}, value: Number(activity.kind === 'busy') }],
      ),
    ),
  ];
}

/** Of the process that drains longest, old ones beside their replacements included. */
function drainFamilies(instances: readonly Named[]): Family[] {
  const longest = new Map<string, number>();
  for (const { worker, draining = 0 } of instances)
    longest.set(worker, Math.max(longest.get(worker) ?? 0, draining));
  return [
    gauge(
      'workerctl_drain_longest_seconds',
      'For how long the process that drains longest has been draining; 0 if none does.',
      [...longest].map(([worker, ms]) => ({ labels: { worker }, value: ms / 1000 })),
    ),
  ];
}

function rolloutFamilies(rollouts: readonly RolloutStatus[]): Family[] {
  const aborted = rollouts.filter((rollout) => rollout.aborted !== undefined);
  const open = rollouts.filter((rollout) => rollout.aborted === undefined);
  const byState = [
    ['aborted', aborted],
    ['in_progress', open.filter(({ paused }) => paused === undefined)],
    ['paused', open.filter(({ paused }) => paused !== undefined)],
  ] as const;
  return [
    gauge(
      'workerctl_rollouts',
      'Restarts that are not finished.',
      byState.map(([state, those]) => ({ labels: { state }, value: those.length })),
    ),
    gauge(
      'workerctl_rollout_instances',
      'How many instances of these restarts are in each phase.',
      byState.flatMap(([state, those]) =>
        (['failed', 'replaced', 'under_way', 'waiting'] as const).map((progress) => ({
          labels: { state, progress },
          value: those.reduce((sum, { counts }) => sum + counts[progress], 0),
        })),
      ),
    ),
  ];
}

const gauge = (name: string, help: string, samples: readonly Sample[]): Family => ({
  name,
  type: 'gauge',
  help,
  samples,
});
