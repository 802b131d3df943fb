import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { schemaFile, type Answer } from '../../../src/output/json/answer.ts';
import {
  checkAnswer,
  initAnswer,
  installAnswer,
  triggerAnswer,
  wantAnswer,
} from '../../../src/output/json/answers.ts';
import { doctorAnswer } from '../../../src/output/json/doctor.ts';
import { errorAnswer } from '../../../src/output/json/error.ts';
import { jobsAnswer } from '../../../src/output/json/jobs.ts';
import { planAnswer } from '../../../src/output/json/plan.ts';
import { logAnswer, resultAnswer } from '../../../src/output/json/stream.ts';
import { statusAnswer } from '../../../src/output/json/status.ts';

const answers = [
  statusAnswer,
  planAnswer,
  jobsAnswer,
  wantAnswer,
  checkAnswer,
  doctorAnswer,
  initAnswer,
  installAnswer,
  triggerAnswer,
  errorAnswer,
  resultAnswer,
  logAnswer,
] as readonly Answer<never>[];

const docs = fileURLToPath(new URL('../../../docs/', import.meta.url));
const isUpdate = process.env['UPDATE_DOCS'] === '1';
const hint = 'is outdated: rewrite it with UPDATE_DOCS=1 npm test';

function expectFile(path: string, text: string): void {
  if (isUpdate) writeFileSync(path, text);
  expect(existsSync(path) ? readFileSync(path, 'utf8') : '', `${path} ${hint}`).toBe(text);
}

interface Described {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Described>>;
  readonly items?: Described;
}

/** The members of a schema, as rows of a table; those of nested objects after a dot. */
function rows(schema: Described, prefix = ''): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, member]) => {
    const path = `${prefix}${name}`;
    const type = [member.type ?? 'any'].flat().join(' or ');
    const inner = member.items ?? member;
    const suffix = member.items === undefined ? '.' : '[].';
    return [
      `| \`${path}\` | ${type} | ${member.description ?? ''} |`,
      ...rows(inner, path + suffix),
    ];
  });
}

const sectionOf = (answer: Answer<never>): string =>
  [
    `### ${answer.command}`,
    '',
    `${String(answer.schema['description'])} [Schema](schemas/${answer.name}.schema.json)`,
    '',
    '| member | type | meaning |',
    '| --- | --- | --- |',
    ...rows(answer.schema),
  ].join('\n');

describe('the schemas', () => {
  test.each(answers)('of $name must be what the code prints', (answer) => {
    expectFile(
      `${docs}schemas/${answer.name}.schema.json`,
      `${JSON.stringify(schemaFile(answer), undefined, 2)}\n`,
    );
  });

  test('must be those of the answers, and of the streams', () => {
    const names = readdirSync(`${docs}schemas`).map((file) => file.replace('.schema.json', ''));
    const known = [...answers.map(({ name }) => name), 'event', 'journal'];
    expect(names.sort()).toEqual(known.sort());
  });
});

test('docs/json.md must list every member of every answer', () => {
  const path = `${docs}json.md`;
  const [before = '', rest = ''] = readFileSync(path, 'utf8').split(
    '<!-- generated: outputs -->\n',
  );
  const [, after = ''] = rest.split('<!-- end -->');
  const text = `${before}<!-- generated: outputs -->\n\n${answers.map(sectionOf).join('\n\n')}\n\n<!-- end -->${after}`;
  expectFile(path, text);
});

test('every member must be described in a sentence', () => {
  const unclear = answers.flatMap(({ name, schema }) =>
    rows(schema as Described, `${name}: `).filter((row) => !/[.:!?…] \|$/.test(row)),
  );
  expect(unclear).toEqual([]);
});
