import { statusFor } from '../core/builders.ts';
// What Prometheus' own promtool says about the metrics, and about the alerts of docs/alerts.yml.
import { execa } from 'execa';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { noDesired } from '../../src/core/model/desired.ts';
import { type Status } from '../../src/core/views/status.ts';
import { durationOf } from '../../src/core/basics/time.ts';
import type { MetricsFacts } from '../../src/output/metrics/facts.ts';
import { formatMetrics } from '../../src/output/metrics/prometheus.ts';
import * as build from '../core/builders.ts';
import { createRig } from './rig.ts';

const docs = fileURLToPath(new URL('../../docs', import.meta.url));
const alerts = readFileSync(join(docs, 'alerts.yml'), 'utf8');
const page = readFileSync(join(docs, 'metrics.md'), 'utf8');

const config = build.aConfig(
  build.aWorker('jobs', ['1', '2', '3', '4', '5']),
  build.aWorker('mail', ['1']),
);

const facts: Required<MetricsFacts> = {
  config: '/srv/app/current/workerctl.yaml',
  bootcheckAt: build.noon,
  passDuration: durationOf(12),
  isImpaired: false,
  events: { started: 3 },
  droppedMessages: 7,
};

const inTheMiddle = statusFor(
  config,
  {
    ...build.rolling(
      build.aRollout({ 'jobs.1': 11, 'jobs.2': 12, 'jobs.3': 13 }),
      build.aRollout(
        { 'mail.1': 20 },
        { aborted: { at: build.noon, instance: 'mail.1', problem: 'exit status 1' } },
      ),
    ),
    stopped: build.stoppedIntent('jobs.5').stopped,
  },
  build.observation(
    build.alive('jobs.1', 21, { release: 'b2', activity: build.idle, age: durationOf(100) }),
    build.alive('jobs.2', 12, { stop: build.stopOf(12), release: 'a1', activity: build.busy }),
    build.alive('jobs.3', 13, { release: 'a1' }),
    build.retiring('jobs.3', 9, { release: 'a0' }),
    build.crashed('jobs.4', 14),
    build.dead('jobs.5', 15),
    { ...build.alive('jobs.9', 19, { quiet: build.quietOf(19) }), memory: 52_428_800 },
    build.absent('mail.1'),
  ),
  { jobs: 'b2' },
);

const statuses: [string, Status, MetricsFacts][] = [
  ['of nothing', statusFor(build.aConfig(), noDesired, build.observation()), {}],
  ['in the middle of a restart', inTheMiddle, {}],
  ['with all that can be known', inTheMiddle, facts],
  [
    'with hostile names',
    {
      ...inTheMiddle,
      instances: [
        {
          name: 'a"b\\\n{.c\0d\r\u2028é\\',
          worker: 'a"b\\\n{',
          state: 'ready',
          isOutdated: false,
          release: '"} 1\n# TYPE x counter\n',
          detail: '',
        },
      ],
    },
    { ...facts, config: '/srv/"\\\n' },
  ],
];

const promtool = (args: readonly string[], input = '') =>
  execa('promtool', args, { input, all: true, reject: false });

test.each(statuses)('metrics of a status %s must have no fault', async (_, status, known) => {
  const text = formatMetrics(status, known);
  const { exitCode, all } = await promtool(['check', 'metrics'], text);
  expect({ exitCode, all }, text).toEqual({ exitCode: 0, all: '' });
});

test('promtool must find a fault if there is one', async () => {
  const { exitCode, all } = await promtool(['check', 'metrics'], '# TYPE a counter\na 1\n');
  expect(exitCode).not.toBe(0);
  expect(all).toContain('_total');
});

describe('the page', () => {
  const names = new Set(
    [...formatMetrics(inTheMiddle, facts).matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name),
  );

  test('must name every metric, and no other', () => {
    const named = [...page.matchAll(/^\| `(workerctl_\w+)`/gm)].map(([, name]) => name);
    expect(new Set(named)).toEqual(names);
  });

  test('must name every alert with its severity, and no other', () => {
    const { groups } = parse(alerts) as {
      readonly groups: readonly [
        { readonly rules: readonly { alert: string; labels: { severity: string } }[] },
      ];
    };
    const named = [...page.matchAll(/^\| `(Workerctl\w+)` +\| (\w+)/gm)];
    expect(named.map(([, alert, severity]) => ({ alert, severity }))).toEqual(
      groups[0].rules.map(({ alert, labels: { severity } }) => ({ alert, severity })),
    );
  });

  test('must have alerts only about existing metrics', () => {
    const used = [...alerts.matchAll(/workerctl_\w+/g)].map(([name]) => name);
    expect(used.length).toBeGreaterThan(4);
    expect([...names]).toEqual(expect.arrayContaining(used));
  });
});

describe('the alerts', () => {
  test('must be valid', async () => {
    const { exitCode, all } = await promtool(['check', 'rules', join(docs, 'alerts.yml')]);
    expect(exitCode, all).toBe(0);
  });

  /** One value a minute. */
  const bad = (identifier: string, state: string, values: string) => ({
    series: `workerctl_instance_state{instance="web1",worker="jobs",identifier="${identifier}",state="${state}"}`,
    values,
  });
  const series = (name: string, values: string) => ({ series: `workerctl_${name}`, values });
  const running = series('rollouts{state="in_progress",instance="web1"}', '1x600');
  const replaced = 'rollout_instances{state="in_progress",progress="replaced",instance="web1"}';
  const present = series('rollouts{state="in_progress"}', '0x600');

  test.each<[string, { series: string; values: string }[], string, string[]]>([
    [
      'an instance that is missing for 4 minutes must be off',
      [bad('1', 'missing', '1x600')],
      '4m',
      [],
    ],
    [
      'an instance that is missing for 6 minutes must be on',
      [bad('1', 'missing', '1x600')],
      '6m',
      ['WorkerctlNotReady'],
    ],
    [
      'an instance that drains for hours must be off',
      [bad('1', 'draining', '1x600'), bad('1', 'missing', '0x600')],
      '5h',
      [],
    ],
    [
      'an instance that was stopped must be off',
      [bad('1', 'stopped', '1x600'), bad('1', 'missing', '0x600')],
      '5h',
      [],
    ],
    [
      'an instance that starts in vain, again and again, must be on',
      [bad('1', 'backoff', '1 0 1 0 1 0 1 0 1'), bad('1', 'starting', '0 1 0 1 0 1 0 1 0')],
      '7m',
      ['WorkerctlNotReady'],
    ],
    [
      'instances that start one after the other must be off',
      [bad('1', 'starting', '1 1 1 1 0x9'), bad('2', 'starting', '0 0 0 0 1 1 1 1 0x9')],
      '7m',
      [],
    ],
    [
      'a bootcheck 9 minutes ago must be off',
      [series('bootcheck_last_success_timestamp_seconds', '0x600')],
      '9m',
      [],
    ],
    [
      'a bootcheck 11 minutes ago must be on',
      [series('bootcheck_last_success_timestamp_seconds', '0x600')],
      '11m',
      ['WorkerctlBootcheckOverdue'],
    ],
    [
      'an aborted restart must be on',
      [series('rollouts{state="aborted"}', '0 1x9')],
      '1m',
      ['WorkerctlRestartAborted'],
    ],
    [
      'an instance that has failed twice must be off',
      [series('instance_failures{worker="jobs",identifier="1"}', '2x9')],
      '5m',
      [],
    ],
    [
      'an instance that keeps failing must be on',
      [series('instance_failures{worker="jobs",identifier="1"}', '1 2 3 4x9')],
      '3m',
      ['WorkerctlBackoff'],
    ],
    [
      'a lost job must be on',
      [series('events_total{kind="job_lost"}', '2 2 2 3x9')],
      '4m',
      ['WorkerctlJobLost'],
    ],
    [
      'no lost job must be off, also if the counter starts again',
      [
        series('events_total{kind="job_lost"}', '2 2 0x9'),
        series('events_total{kind="died"}', '1+1x9'),
      ],
      '5m',
      [],
    ],
    [
      'a job that was lost an hour ago must be off',
      [series('events_total{kind="job_lost"}', '2 3x120')],
      '1h',
      [],
    ],
    [
      'a restart that is paused for 50 minutes must be off',
      [series('rollouts{state="paused"}', '1x600')],
      '50m',
      [],
    ],
    [
      'a restart that is paused for 70 minutes must be on',
      [series('rollouts{state="paused"}', '1x600')],
      '70m',
      ['WorkerctlRestartPaused'],
    ],
    [
      'a restart that replaces one instance an hour must be off',
      [running, series(replaced, '0x59 1x59 2x59 3x59 4x59')],
      '4h',
      [],
    ],
    [
      'a restart that has replaced none for 3 hours must be on',
      [running, series(replaced, '0x29 1x600')],
      '4h',
      ['WorkerctlRestartStuck'],
    ],
    [
      'restarts that come and end must be off',
      [{ ...running, values: '1x59 0x59 1x59 0x59' }, series(replaced, '0x600')],
      '4h',
      [],
    ],
    [
      'a drain of 110 minutes must be off',
      [series('drain_longest_seconds{worker="jobs"}', '0+60x600')],
      '110m',
      [],
    ],
    [
      'a drain of 130 minutes must be on',
      [series('drain_longest_seconds{worker="jobs"}', '0+60x600')],
      '130m',
      ['WorkerctlDrainLong'],
    ],
    [
      'drains one after the other must be off',
      [series('drain_longest_seconds{worker="jobs"}', '0+60x60 0+60x60 0+60x60')],
      '170m',
      [],
    ],
    [
      'old code for 5 hours must be off',
      [series('instances_outdated{worker="jobs"}', '2x600')],
      '5h',
      [],
    ],
    [
      'old code for 7 hours must be on',
      [series('instances_outdated{worker="jobs"}', '2x600')],
      '7h',
      ['WorkerctlOutdated'],
    ],
  ])('of %s', async (_, input, at, expected) => {
    await expectFiring([present, ...input], at, expected);
  });

  test('must say that there are no metrics', async () => {
    await expectFiring([], '9m', []);
    await expectFiring([], '11m', ['WorkerctlMetricsMissing']);
  });
});

/** Expects that these alerts and no others fire after this long. */
async function expectFiring(input: object[], at: string, alertNames: string[]): Promise<void> {
  const rig = createRig();
  try {
    const file = join(rig.folder, 'tests.yml');
    const asked = {
      expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
      eval_time: at,
      exp_samples: alertNames.map((name) => ({ labels: `{alertname="${name}"}`, value: 1 })),
    };
    writeFileSync(
      file,
      stringify({
        rule_files: [join(docs, 'alerts.yml')],
        evaluation_interval: '1m',
        tests: [{ interval: '1m', input_series: input, promql_expr_test: [asked] }],
      }),
    );
    const { exitCode, all } = await promtool(['test', 'rules', file]);
    expect(exitCode, all).toBe(0);
  } finally {
    await rig.end();
  }
}
