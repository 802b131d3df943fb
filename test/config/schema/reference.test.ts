import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { configSection } from '../../../src/config/schema/keys.ts';
import { configReference } from './generated.ts';
import { isSection, type Key, type Keys } from '../../../src/config/schema/section.ts';
import { slotOf } from '../scratch.ts';

const page = fileURLToPath(new URL('../../../docs/config.md', import.meta.url));
const block = /(<!-- generated: config-keys -->\n)[^]*(<!-- end -->)/;

test('docs/config.md must list the keys of the table', () => {
  const text = readFileSync(page, 'utf8');
  const updated = text.replace(
    block,
    (_, start: string, end: string) => `${start}\n${configReference()}\n\n${end}`,
  );
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(page, updated);
  const hint = 'docs/config.md is outdated: rewrite it with UPDATE_DOCS=1 npm test';
  expect(readFileSync(page, 'utf8'), hint).toBe(updated);
  expect(updated).toMatch(block);
});

const rows = (keys: Keys, prefix = ''): [string, Key][] =>
  Object.entries(keys).flatMap(([name, key]): [string, Key][] => [
    [`${prefix}${name}`, key],
    ...(isSection(key.type) ? rows(key.type.keys, `${prefix}${name}.`) : []),
  ]);

test.each(rows(configSection.keys))(
  '%s must have a default and an example of its type',
  (name, key) => {
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
  },
);

test.each(rows(configSection.keys))('%s must say what holds without it, once', (_, key) => {
  const said = [key.default, key.without, key.required].filter((each) => each !== undefined);
  expect(said).toHaveLength(isSection(key.type) ? 0 : 1);
});
