import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { eventJson } from '../../../src/core/events/event-json.ts';
import {
  commonMembers,
  eventJsonSchema,
  journalJsonSchema,
  membersOfKind,
  type DescribedMember,
} from './json-schema.ts';
import { journalEntry, journalKinds } from '../../../src/core/events/journal.ts';
import { allEventKinds, eventKinds, type EventKindName } from '../../../src/core/events/table.ts';
import { noon } from '../builders.ts';
import { sampleEvent, samples, untilIso } from './samples.ts';

const fileOf = (name: string): string =>
  fileURLToPath(new URL(`../../../docs/${name}`, import.meta.url));
const isUpdate = process.env['UPDATE_DOCS'] === '1';
const hint = 'is outdated: rewrite it with UPDATE_DOCS=1 npm test';

/** The moments are written as if the test ran in UTC. */
function lineOf(kind: EventKindName): string {
  const { command = 'restart' } = samples[kind];
  const line = { ...journalEntry(sampleEvent(kind)), by: 'deploy@web1', command };
  return JSON.stringify(line)
    .replaceAll(new Date(noon).toISOString(), '2026-11-21T12:00:00.000Z')
    .replaceAll(untilIso, '2026-11-21T12:01:00.000Z');
}

test.each([
  ['journal', journalJsonSchema()],
  ['event', eventJsonSchema()],
])('docs/schemas/%s.schema.json must be what the code says', (name, schema) => {
  const text = `${JSON.stringify(schema, null, 2)}\n`;
  const path = fileOf(`schemas/${name}.schema.json`);
  if (isUpdate) writeFileSync(path, text);
  expect(readFileSync(path, 'utf8'), hint).toBe(text);
});

const begin =
  '<!-- A test writes the rest from the table of events: test/core/events/journal-docs.test.ts -->';

const listOf = (members: readonly DescribedMember[]): string =>
  members
    .map(
      ({ name, isRequired, description }) =>
        `- \`${name}\`${isRequired ? '' : ' (optional)'}: ${description}\n`,
    )
    .join('');

const sectionOf = (kind: EventKindName): string => {
  const list = listOf(membersOfKind(kind));
  return [
    `### ${kind}`,
    eventKinds[kind].summary,
    ...(list === '' ? [] : [list.trimEnd()]),
    `\`\`\`ndjson\n${lineOf(kind)}\n\`\`\``,
  ].join('\n\n');
};

test('docs/journal.md must have every kind, with all its members and a line of it', () => {
  const path = fileOf('journal.md');
  const [head = ''] = readFileSync(path, 'utf8').split(begin);
  const sections = journalKinds.map(sectionOf).join('\n\n');
  const text = `${head}${begin}\n\nEvery line has:\n\n${listOf(commonMembers)}\n${sections}\n`;
  if (isUpdate) writeFileSync(path, text);
  expect(readFileSync(path, 'utf8'), hint).toBe(text);
});

const ajv = new Ajv({ strict: false });
addFormats.default(ajv);
const matches = (schema: object, value: unknown): boolean => ajv.validate(schema, value);

describe('the members of each kind', () => {
  test.each(allEventKinds)('%s: the schema must accept its sample', (kind) => {
    const json = JSON.parse(JSON.stringify(eventJson(sampleEvent(kind)))) as Record<
      string,
      unknown
    >;
    for (const { name, schema, isRequired } of membersOfKind(kind)) {
      if (isRequired) expect(json).toHaveProperty(name);
      if (json[name] !== undefined) expect(matches(schema, json[name]), name).toBe(true);
    }
    const known = [...commonMembers, ...membersOfKind(kind)].map(({ name }) => name);
    expect(known).toEqual(expect.arrayContaining(Object.keys(json)));
  });

  test('the schemas must name every kind: the journal those that it has, the stream all', () => {
    const kindsIn = ({ allOf }: { allOf?: unknown }): string[] =>
      (allOf as { if: { properties: { kind: { const: string } } } }[]).map(
        (one) => one.if.properties.kind.const,
      );
    expect(kindsIn(journalJsonSchema())).toEqual(journalKinds);
    expect(kindsIn(eventJsonSchema())).toEqual(allEventKinds);
  });
});
