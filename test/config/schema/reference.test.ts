import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { configSection } from '../../../src/config/schema/keys.ts';
import { configReference, fleetReference } from './generated.ts';
import { fleetSection, hostSection } from '../../../src/config/fleet/keys.ts';
import { isSection, type Key, type Keys } from '../../../src/config/schema/section.ts';
import { slotOf } from '../scratch.ts';

const block = /(<!-- generated: config-keys -->\n)[^]*(<!-- end -->)/;

test.each([
  ['config.md', configReference],
  ['fleet.md', fleetReference],
])('docs/%s must list the keys of the table', (name, reference) => {
  const page = fileURLToPath(new URL(`../../../docs/${name}`, import.meta.url));
  const text = readFileSync(page, 'utf8');
  const updated = text.replace(
    block,
    (_, start: string, end: string) => `${start}\n${reference()}\n\n${end}`,
  );
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(page, updated);
  const hint = `docs/${name} is outdated: rewrite it with UPDATE_DOCS=1 npm test`;
  expect(readFileSync(page, 'utf8'), hint).toBe(updated);
  expect(updated).toMatch(block);
});

const rows = (keys: Keys, prefix = ''): [string, Key][] =>
  Object.entries(keys).flatMap(([name, key]): [string, Key][] => [
    [`${prefix}${name}`, key],
    ...(isSection(key.type) ? rows(key.type.keys, `${prefix}${name}.`) : []),
  ]);

const all = [
  ...rows(configSection.keys),
  ...rows(fleetSection.keys, 'fleet: '),
  ...rows(hostSection.keys, 'host: '),
];

test.each(all)('%s must have a default and an example of its type', (name, key) => {
  const problems: unknown[] = [];
  const reading = {
    path: [name],
    base: '/srv/app',
    places: { top: [], worker: [] },
    report: (problem: unknown) => problems.push(problem),
  };
  for (const value of [key.default, key.example])
    if (value !== undefined) expect(key.type.read(slotOf(value), reading)).not.toBeNull();
  expect(problems).toEqual([]);
});

test.each(all)('%s must say what holds without it, once', (_, key) => {
  const said = [key.default, key.without, key.required].filter((each) => each !== undefined);
  expect(said).toHaveLength(isSection(key.type) && key.required !== true ? 0 : 1);
});
