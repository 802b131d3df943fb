import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { journalEntry, journalKinds } from '../../../src/core/events/journal.ts';
import type { JournalKind } from '../../../src/core/events/event.ts';
import {
  describedMembers,
  journalJsonSchema,
  kindTexts,
} from '../../../src/core/events/journal-schema.ts';
import { noon } from '../builders.ts';
import { sampleEvent } from './journal-samples.ts';

const fileOf = (name: string): string =>
  fileURLToPath(new URL(`../../../docs/${name}`, import.meta.url));
const isUpdate = process.env['UPDATE_SCHEMA'] === '1';
const hint = 'is outdated: write it anew with UPDATE_SCHEMA=1 npm test';
const kinds = Object.keys(kindTexts) as JournalKind[];

/** Where it is not a restart. */
const commands: Readonly<Partial<Record<JournalKind, string>>> = {
  adopted: 'bootcheck',
  repaired: 'bootcheck',
  forgotten: 'bootcheck',
  killed: 'watch',
  dumped: 'watch',
  resumed: 'resume',
  held: 'hold',
  unheld: 'unhold',
  wanted: 'want',
  died: 'watch',
  short: 'watch',
  config_refused: 'watch',
  config_read: 'watch',
  warning: 'bootcheck',
};

/** Noon is noon in all words, wherever the test runs; in UTC it is not. */
function lineOf(kind: JournalKind): string {
  const command = commands[kind] ?? 'restart';
  const line = { ...journalEntry(sampleEvent(kind)), by: 'deploy@web1', command };
  return JSON.stringify(line).replaceAll(new Date(noon).toISOString(), '2026-11-21T12:00:00.000Z');
}

test('docs/events.schema.json is what the code says', () => {
  const text = `${JSON.stringify(journalJsonSchema(), null, 2)}\n`;
  if (isUpdate) writeFileSync(fileOf('events.schema.json'), text);
  expect(readFileSync(fileOf('events.schema.json'), 'utf8'), hint).toBe(text);
});

const begin =
  '<!-- The rest is written by a test from the source; see test/core/events/journal-docs.test.ts -->';

/** Each kind with its members and a line of it. */
const kindsText = (): string =>
  kinds
    .map((kind) => {
      const members = describedMembers(kind).map(
        ({ name, isRequired, description }) =>
          `- \`${name}\`${isRequired ? '' : ', not always'}: ${description}\n`,
      );
      const list = members.length === 0 ? '' : `${members.join('')}\n`;
      const example = `\`\`\`ndjson\n${lineOf(kind)}\n\`\`\`\n`;
      return `\n### ${kind}\n\n${kindTexts[kind]}\n\n${list}${example}`;
    })
    .join('');

test('docs/journal.md must have every kind, with all its members and a line of it', () => {
  const path = fileOf('journal.md');
  const [head = ''] = readFileSync(path, 'utf8').split(begin);
  const text = `${head}${begin}\n${kindsText()}`;
  if (isUpdate) writeFileSync(path, text);
  expect(readFileSync(path, 'utf8'), hint).toBe(text);
});

describe('the schema', () => {
  test('must describe the kinds that the journal has, and no other', () => {
    expect(kinds.sort()).toEqual([...journalKinds].sort());
  });

  test.each(kinds)('of %s must have a text for each member', (kind) => {
    for (const { name, description } of describedMembers(kind))
      expect(description, name).not.toBe('');
  });

  test.each(kinds)('of %s must fit what is written', (kind) => {
    const line = JSON.parse(lineOf(kind)) as Readonly<Record<string, unknown>>;
    const members = describedMembers(kind);
    const common = ['at', 'kind', 'instance', 'text', 'by', 'command'];
    const known = [...common, ...members.map(({ name }) => name)];
    expect(known).toEqual(expect.arrayContaining(Object.keys(line)));
    for (const { name, schema, isRequired } of members) {
      if (isRequired) expect(line).toHaveProperty(name);
      if (line[name] !== undefined)
        expect(typeOf(line[name])).toContain((schema as { type: string }).type);
    }
  });
});

/** The names that JSON Schema has for what a value is. */
function typeOf(value: unknown): string[] {
  if (Array.isArray(value)) return ['array'];
  if (typeof value === 'number')
    return Number.isInteger(value) ? ['integer', 'number'] : ['number'];
  return [typeof value];
}
