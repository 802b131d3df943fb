import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { noDesired } from '../../../src/core/model/desired.ts';
import type { RolloutStatus } from '../../../src/core/views/rollout-status.ts';
import { instanceStates } from '../../../src/core/views/instance-state.ts';
import type { InstanceStatus } from '../../../src/core/views/instance-status.ts';
import type { Status } from '../../../src/core/views/status.ts';
import { durationOf, momentOf } from '../../../src/core/basics/time.ts';
import { countEvents, factsToCarryOn } from '../../../src/output/metrics/facts.ts';
import { formatMetrics } from '../../../src/output/metrics/prometheus.ts';
import { aConfig, busy, idle, noon, observation, seconds, statusFor } from '../../core/builders.ts';

const one = (
  identifier: string,
  state: InstanceStatus['state'],
  more: Partial<InstanceStatus> = {},
): InstanceStatus => ({
  name: `mail.${identifier}`,
  worker: 'mail',
  state,
  isOutdated: false,
  detail: '',
  ...more,
});

const statusWith = (...instances: InstanceStatus[]): Status => ({
  ...statusFor(aConfig(), noDesired, observation()),
  instances,
});

const rollout = (counts: Partial<RolloutStatus['counts']>, aborted?: string): RolloutStatus => ({
  id: 'first',
  at: noon,
  by: 'ann@web1',
  counts: { replaced: 0, under_way: 0, waiting: 0, failed: 0, ...counts },
  change: '',
  state: aborted === undefined ? 'running' : 'aborted',
  unknownWorkers: [],
  members: [],
  ...(aborted !== undefined && { aborted }),
});

const up = { pid: 7, uptime: durationOf(1_500) };

const mixed: Status = {
  ...statusWith(
    one('ready', 'ready', { ...up, release: 'b2', activity: busy, memory: 1024 }),
    one('ready', 'retiring', { ...up, release: 'a1', isOutdated: true }),
    one('starting', 'starting', { ...up, release: 'b2', activity: idle }),
    one('late', 'late', up),
    one('quiet', 'quiet', up),
    one('frozen', 'frozen', up),
    one('draining', 'draining', { ...up, release: 'a1', isOutdated: true }),
    one('missing', 'missing'),
    one('backoff', 'backoff', { failures: 3 }),
    one('stopped', 'stopped'),
    one('done', 'done'),
    one('failed', 'failed'),
    one('surplus', 'surplus', up),
    { ...one('1', 'ready', { ...up, isOutdated: true }), name: 'jobs.1', worker: 'jobs' },
  ),
  desired: { mail: 6, jobs: 1 },
  rollouts: [
    rollout({ replaced: 1, under_way: 2 }),
    rollout({ waiting: 3 }),
    rollout({ failed: 1 }, 'mail.1: exit status 1'),
  ],
};

/** The samples of one family, without its name. */
const samplesOf = (text: string, name: string): string[] =>
  text.split('\n').flatMap((line) => {
    const [, labels = '', value = ''] = new RegExp(`^${name}(\\{.*\\})? (\\S+)$`).exec(line) ?? [];
    return value === '' ? [] : [`${labels} ${value}`];
  });

const perWorker = (name: string, help: string, jobs: number, mail: number): string =>
  `# HELP workerctl_instances_${name} ${help}
# TYPE workerctl_instances_${name} gauge
workerctl_instances_${name}{worker="jobs"} ${jobs}
workerctl_instances_${name}{worker="mail"} ${mail}
`;

describe('a status with every state', () => {
  const text = formatMetrics(mixed);

  test('must count the instances of each worker', () => {
    expect(text.slice(0, text.indexOf('# HELP workerctl_instance_state'))).toBe(
      [
        perWorker('wanted', 'Instances that should run.', 1, 6),
        perWorker('up', 'Instances that have a process, wanted or not.', 1, 7),
        perWorker('ready', 'Instances that run and are ready.', 1, 1),
        perWorker('quiet', 'Instances that are ready and take no new job on purpose.', 0, 1),
        perWorker('draining', 'Instances that finish their job before they exit.', 0, 1),
        perWorker('retiring', 'Old processes that drain beside their replacement.', 0, 1),
        perWorker(
          'done',
          'Instances that have ended successfully and are not started again.',
          0,
          1,
        ),
        perWorker('missing', 'Instances that are wanted and down.', 0, 3),
        perWorker('outdated', 'Instances whose process runs old code.', 1, 1),
      ].join(''),
    );
  });

  test('must set one state of each instance, and all the others to 0', () => {
    const states = samplesOf(text, 'workerctl_instance_state');
    expect(states).toHaveLength(13 * 12);
    expect(states.filter((line) => line.endsWith(' 1'))).toEqual([
      '{worker="jobs",identifier="1",state="ready"} 1',
      ...instanceStates
        .filter((state) => state !== 'retiring' && state !== 'gone')
        .map((state) => `{worker="mail",identifier="${state}",state="${state}"} 1`)
        .sort(),
    ]);
  });

  test('must report what is known of each process, and only count those beside a replacement', () => {
    const rest = text.slice(text.indexOf('# HELP workerctl_instance_info'));
    expect(rest)
      .toBe(`# HELP workerctl_instance_info The release that the process runs, if it is known.
# TYPE workerctl_instance_info gauge
workerctl_instance_info{worker="mail",identifier="draining",release="a1"} 1
workerctl_instance_info{worker="mail",identifier="ready",release="b2"} 1
workerctl_instance_info{worker="mail",identifier="starting",release="b2"} 1
# HELP workerctl_instance_uptime_seconds How long the process has been running.
# TYPE workerctl_instance_uptime_seconds gauge
workerctl_instance_uptime_seconds{worker="jobs",identifier="1"} 1.5
workerctl_instance_uptime_seconds{worker="mail",identifier="draining"} 1.5
workerctl_instance_uptime_seconds{worker="mail",identifier="frozen"} 1.5
workerctl_instance_uptime_seconds{worker="mail",identifier="late"} 1.5
workerctl_instance_uptime_seconds{worker="mail",identifier="quiet"} 1.5
workerctl_instance_uptime_seconds{worker="mail",identifier="ready"} 1.5
workerctl_instance_uptime_seconds{worker="mail",identifier="starting"} 1.5
workerctl_instance_uptime_seconds{worker="mail",identifier="surplus"} 1.5
# HELP workerctl_instance_memory_bytes The memory of the process and its session, if it is measured.
# TYPE workerctl_instance_memory_bytes gauge
workerctl_instance_memory_bytes{worker="mail",identifier="ready"} 1024
# HELP workerctl_instance_failures How many of its processes in a row died soon after their start.
# TYPE workerctl_instance_failures gauge
workerctl_instance_failures{worker="jobs",identifier="1"} 0
workerctl_instance_failures{worker="mail",identifier="backoff"} 3
workerctl_instance_failures{worker="mail",identifier="done"} 0
workerctl_instance_failures{worker="mail",identifier="draining"} 0
workerctl_instance_failures{worker="mail",identifier="failed"} 0
workerctl_instance_failures{worker="mail",identifier="frozen"} 0
workerctl_instance_failures{worker="mail",identifier="late"} 0
workerctl_instance_failures{worker="mail",identifier="missing"} 0
workerctl_instance_failures{worker="mail",identifier="quiet"} 0
workerctl_instance_failures{worker="mail",identifier="ready"} 0
workerctl_instance_failures{worker="mail",identifier="starting"} 0
workerctl_instance_failures{worker="mail",identifier="stopped"} 0
workerctl_instance_failures{worker="mail",identifier="surplus"} 0
# HELP workerctl_instance_busy Whether the process has a job, if that is known.
# TYPE workerctl_instance_busy gauge
workerctl_instance_busy{worker="mail",identifier="ready"} 1
workerctl_instance_busy{worker="mail",identifier="starting"} 0
# HELP workerctl_drain_longest_seconds For how long the process that drains longest has been draining; 0 if none does.
# TYPE workerctl_drain_longest_seconds gauge
workerctl_drain_longest_seconds{worker="jobs"} 0
workerctl_drain_longest_seconds{worker="mail"} 0
# HELP workerctl_rollouts Restarts that are not finished.
# TYPE workerctl_rollouts gauge
workerctl_rollouts{state="aborted"} 1
workerctl_rollouts{state="in_progress"} 2
workerctl_rollouts{state="paused"} 0
# HELP workerctl_rollout_instances How many instances of these restarts are in each phase.
# TYPE workerctl_rollout_instances gauge
workerctl_rollout_instances{state="aborted",progress="failed"} 1
workerctl_rollout_instances{state="aborted",progress="replaced"} 0
workerctl_rollout_instances{state="aborted",progress="under_way"} 0
workerctl_rollout_instances{state="aborted",progress="waiting"} 0
workerctl_rollout_instances{state="in_progress",progress="failed"} 0
workerctl_rollout_instances{state="in_progress",progress="replaced"} 1
workerctl_rollout_instances{state="in_progress",progress="under_way"} 2
workerctl_rollout_instances{state="in_progress",progress="waiting"} 3
workerctl_rollout_instances{state="paused",progress="failed"} 0
workerctl_rollout_instances{state="paused",progress="replaced"} 0
workerctl_rollout_instances{state="paused",progress="under_way"} 0
workerctl_rollout_instances{state="paused",progress="waiting"} 0
# HELP workerctl_wanted_known Whether stops, holds, counts and restarts are known: 0 if state.json and its copy cannot be used.
# TYPE workerctl_wanted_known gauge
workerctl_wanted_known 1
`);
  });

  test('must be the same text for any order of instances', () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray([...mixed.instances], { minLength: mixed.instances.length }),
        (instances) => {
          expect(formatMetrics({ ...mixed, instances })).toBe(text);
        },
      ),
    );
  });

  test('must have no series twice', () => {
    const series = text
      .split('\n')
      .filter((line) => !line.startsWith('#') && line !== '')
      .map((line) => line.slice(0, line.lastIndexOf(' ')));
    expect(new Set(series).size).toBe(series.length);
  });
});

test('a status without instances must still report restarts', () => {
  const text = formatMetrics(statusWith());
  expect(text).toMatch(/^# HELP workerctl_rollouts [^]*\n$/);
  expect(text).not.toContain('workerctl_instance');
  expect(samplesOf(text, 'workerctl_rollouts')).toEqual([
    '{state="aborted"} 0',
    '{state="in_progress"} 0',
    '{state="paused"} 0',
  ]);
});

test('a worker without wanted instances must have a count, too', () => {
  const text = formatMetrics({ ...statusWith(), desired: { mail: 0 } });
  expect(samplesOf(text, 'workerctl_instances_wanted')).toEqual(['{worker="mail"} 0']);
  expect(samplesOf(text, 'workerctl_instances_ready')).toEqual(['{worker="mail"} 0']);
});

test('hostile names must stay inside their label', () => {
  const worker = 'a"} 1\n# TYPE b\\';
  const text = formatMetrics(
    statusWith({
      ...one('', 'ready', { release: '\\n"\r' }),
      name: `${worker}.é"\n`,
      worker,
    }),
  );
  expect(samplesOf(text, 'workerctl_instances_ready')).toEqual([
    '{worker="a\\"} 1\\n# TYPE b\\\\"} 1',
  ]);
  expect(text).toContain(
    'workerctl_instance_info{worker="a\\"} 1\\n# TYPE b\\\\",identifier="é\\"\\n",release="\\\\n\\"\r"} 1\n',
  );
});

describe('the other facts', () => {
  test('must have the label of the config on every sample', () => {
    const text = formatMetrics(statusWith(one('1', 'ready')), {
      config: '/srv/app/workerctl.yaml',
      bootcheckAt: momentOf(1_700_000_000_500),
      passDuration: durationOf(12),
      droppedMessages: 7,
      events: { started: 3 },
    });
    const config = 'config="/srv/app/workerctl.yaml"';
    for (const line of text.split('\n').filter((each) => /^[^#]/.test(each)))
      expect(line).toMatch(/^\w+\{config="\/srv\/app\/workerctl\.yaml"[,}]/);
    expect(text).toContain(`workerctl_instances_ready{${config},worker="mail"} 1\n`);
    expect(text).toContain(`
# TYPE workerctl_bootcheck_last_success_timestamp_seconds gauge
workerctl_bootcheck_last_success_timestamp_seconds{${config}} 1700000000.5
`);
    expect(text).toContain(`
# TYPE workerctl_pass_duration_seconds gauge
workerctl_pass_duration_seconds{${config}} 0.012
`);
    expect(text).toContain(`\nworkerctl_notify_dropped_total{${config}} 7\n`);
    expect(text).toContain(`\n# TYPE workerctl_events_total counter\n`);
    expect(text).toContain(`\nworkerctl_events_total{${config},kind="started"} 3\n`);
    expect(text).toContain(`\nworkerctl_events_total{${config},kind="killed"} 0\n`);
  });

  test('a counter must continue from one text to the next', () => {
    const about = { at: noon, instance: 'mail.1', pid: 7 } as const;
    const started = { kind: 'started', cause: 'was not running', ...about } as const;
    const first = formatMetrics(mixed, {
      config: 'a kind="left"} 9',
      bootcheckAt: noon,
      events: countEvents({}, [started, started]),
    });
    const earlier = factsToCarryOn(first);
    expect(earlier.bootcheckAt).toBe(noon);
    expect(countEvents(earlier.events, [started, { kind: 'unheld', ...about }])).toMatchObject({
      started: 3,
      unheld: 1,
      exited: 0,
    });
  });

  test('everything that is written must be read again', () => {
    const count = fc.nat();
    fc.assert(
      fc.property(
        fc.option(fc.string({ unit: 'binary' }), { nil: undefined }),
        fc.integer({ min: 0, max: 9e13 }),
        fc.record({ started: count, exited: count, killed: count }),
        (config, at, events) => {
          const bootcheckAt = momentOf(at);
          const facts = { ...(config !== undefined && { config }), bootcheckAt, events };
          expect(factsToCarryOn(formatMetrics(statusWith(), facts))).toMatchObject({
            bootcheckAt,
            events,
          });
        },
      ),
    );
  });

  test.each([
    '',
    'workerctl_events_total{kind="sta',
    'workerctl_events_total{kind="constructor"} 1\n',
  ])('nothing must be read from %j', (text) => {
    expect(factsToCarryOn(text)).toEqual({ events: {} });
  });
});

test('a length must be in seconds', () => {
  const text = formatMetrics(statusWith(one('1', 'ready', { pid: 7, uptime: seconds(90_000) })));
  expect(samplesOf(text, 'workerctl_instance_uptime_seconds')).toEqual([
    '{worker="mail",identifier="1"} 90000',
  ]);
});
