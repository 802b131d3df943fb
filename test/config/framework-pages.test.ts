import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseConfig } from '../../src/config/load.ts';
import { presetNames, presets } from '../../src/core/presets/table.ts';
import { trapsOf } from '../../src/core/presets/traps.ts';
import { presetFacts, presetTable } from './framework-pages.ts';

const folder = fileURLToPath(new URL('../../docs/frameworks/', import.meta.url));
const pages = ['README', ...presetNames] as const;
const block = /(<!-- generated: preset -->\n)[^]*?(<!-- end -->)/;

const pageOf = (name: string): string => `${folder}${name}.md`;

test('each preset must have a page, and each page a preset', () => {
  expect(
    readdirSync(folder)
      .filter((file) => file.endsWith('.md'))
      .sort(),
  ).toEqual(pages.map((name) => `${name}.md`).sort());
});

test.each(pages)('docs/frameworks/%s.md must say what the table of presets says', async (name) => {
  const text = readFileSync(pageOf(name), 'utf8');
  const facts = name === 'README' ? presetTable() : presetFacts(presets[name]);
  const replaced = text.replace(
    block,
    (_, start: string, end: string) => `${start}\n${facts}\n\n${end}`,
  );
  const updated = await format(replaced, {
    ...(await resolveConfig(pageOf(name))),
    filepath: pageOf(name),
  });
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(pageOf(name), updated);
  expect(text).toMatch(block);
  const hint = `docs/frameworks/${name}.md is outdated: rewrite it with UPDATE_DOCS=1 npm test`;
  expect(readFileSync(pageOf(name), 'utf8'), hint).toBe(updated);
});

/** The blocks of YAML of a page that are configs. */
const configsIn = (name: string): string[] =>
  [...readFileSync(pageOf(name), 'utf8').matchAll(/```yaml\n([^]*?)```/g)]
    .map(([, text = '']) => text)
    .filter((text) => 'workers' in (parse(text) as object));

describe.each(presetNames)('the config of docs/frameworks/%s.md must', (name) => {
  test('be valid, use the preset, and step into none of its traps', () => {
    const configs = configsIn(name);
    expect(configs).not.toEqual([]);
    for (const text of configs)
      for (const worker of parseConfig('/srv/app/workerctl.yaml', text).workers) {
        expect(worker.preset).toBe(name);
        const traps = trapsOf(worker, 'check').filter(({ isGiven }) => !isGiven);
        expect(traps).toEqual([]);
      }
  });
});

test('the files that a page names must be there', () => {
  for (const name of pages)
    for (const [, link = ''] of readFileSync(pageOf(name), 'utf8').matchAll(/\]\(([^)#]+)/g)) {
      if (link.startsWith('https://')) continue;
      const path = fileURLToPath(new URL(link, `file://${folder}`));
      expect(existsSync(path), `${name}.md: ${link}`).toBe(true);
    }
});
