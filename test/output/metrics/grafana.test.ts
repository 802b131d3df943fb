// The dashboard of docs/grafana.json: test/real/grafana.test.ts has its queries answered.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { dashboard, metricsIn, queries } from '../../rig/grafana.ts';

const read = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)), 'utf8');

const ajv = new Ajv({ strict: false, allErrors: true });
const accepts = ajv.compile(
  JSON.parse(read('test/fixtures/grafana/dashboard.schema.json')) as object,
);

test("the dashboard must be accepted by Grafana's schema", () => {
  expect(accepts(dashboard), ajv.errorsText(accepts.errors)).toBe(true);
});

test.each([
  ['no member of it', { ...dashboard, pannels: [] }],
  ['an unknown kind of panel', { ...dashboard, panels: [{ type: 'graph' }] }],
  [
    'an unknown unit of a variable',
    { ...dashboard, templating: { list: [{ name: 'a', type: 'words' }] } },
  ],
  ['no version', { ...dashboard, schemaVersion: undefined }],
  [
    'a text as a position',
    { ...dashboard, panels: [{ ...dashboard.panels[0], gridPos: { x: '0', y: 0, w: 4, h: 4 } }] },
  ],
])('the schema must refuse %s', (_, changed) => {
  expect(accepts(JSON.parse(JSON.stringify(changed)))).toBe(false);
});

describe('the panels', () => {
  const { panels, templating } = dashboard;

  test('must have an id each, and a place of their own on the grid', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from(
        { length: w * h },
        (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`,
      ),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(Math.max(...panels.map(({ gridPos: { x, w } }) => x + w))).toBe(24);
  });

  test('must ask only for metrics that docs/metrics.md has, by variables that there are', () => {
    const known = [...read('docs/metrics.md').matchAll(/^\| `(workerctl_\w+)`/gm)].map(
      ([, name]) => name,
    );
    expect(known).toEqual(expect.arrayContaining(metricsIn(queries.join())));
    const variables = new Set(templating.list.map(({ name }) => name));
    const used = [...JSON.stringify(dashboard).matchAll(/\$\{?([a-z_]+)/g)].map(([, name]) => name);
    for (const name of used)
      expect(name?.startsWith('__') === true || variables.has(name ?? ''), name).toBe(true);
    for (const name of variables) expect(used).toContain(name);
  });

  test('must show what an operator is alerted about', () => {
    const shown = metricsIn(queries.join());
    for (const name of ['instances_wanted', 'instances_ready', 'events_total', 'rollouts'])
      expect(shown).toContain(`workerctl_${name}`);
    const alerted = metricsIn(read('docs/alerts.yml'));
    expect(shown).toEqual(
      expect.arrayContaining(alerted.filter((name) => name !== 'workerctl_instances_outdated')),
    );
  });
});
