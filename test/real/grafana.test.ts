// Every query of the dashboard, answered by Prometheus' own engine from what a real watch and a real bootcheck say.
import { readFileSync, writeFileSync } from 'node:fs';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { asSent, metricsIn, queries } from '../rig/grafana.ts';
import { askHttp } from '../rig/http.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';
import { freePort } from '../rig/port.ts';

interface Series {
  readonly series: string;
  readonly values: string;
}

/** Metrics as samples that stay the same for ten minutes, of one host. */
const seriesIn = (text: string, host: string): Series[] =>
  [...text.matchAll(/^(workerctl_\w+)\{(.*)\} (\S+)$/gm)].map(([, name, labels, value]) => ({
    series: `${name ?? ''}{${labels ?? ''},instance="${host}"}`,
    values: `${value ?? ''}x10`,
  }));

/** What a watch answers, and what a bootcheck without one writes. */
async function reported(rig: Rig): Promise<{ readonly watch: string; readonly cron: string }> {
  await rig.start();
  await until('all to be ready', async () => (await rig.workerctl('status')).exitCode === 0);
  const { exitCode, all } = await rig.workerctl('bootcheck', '--metrics', 'cron.prom');
  expect(exitCode, all).toBe(0);
  const port = await freePort();
  await watching(rig, '--http', `127.0.0.1:${port}`);
  return {
    watch: (await askHttp(port, { path: '/metrics' })).text,
    cron: readFileSync(rig.path('cron.prom'), 'utf8'),
  };
}

test('every query of the dashboard must have an answer from real metrics', async () => {
  const worker = { command: fixture('idle'), recycle: { memory: '1GB' } };
  const rig = createRig({ mail: { ...worker, count: 2 }, maps: worker });
  const { watch, cron } = await reported(rig);
  const names = metricsIn(`${watch}${cron}`);
  expect(names).toEqual(expect.arrayContaining(metricsIn(queries.join())));
  const tests = queries.map((query) => ({
    // Not how much it is: whether there is any sample with these labels.
    expr: `count(${asSent(query)}) > bool 0`,
    eval_time: '10m',
    exp_samples: [{ labels: '{}', value: 1 }],
  }));
  const file = rig.path('tests.yml');
  const input = [...seriesIn(watch, 'web1:9001'), ...seriesIn(cron, 'web2:9100')];
  writeFileSync(
    file,
    stringify({
      tests: [{ interval: '1m', input_series: input, promql_expr_test: tests }],
    }),
  );
  const { exitCode, all } = await execa('promtool', ['test', 'rules', file], {
    all: true,
    reject: false,
  });
  expect(exitCode, all).toBe(0);
});
