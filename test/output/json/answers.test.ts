import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { JsonSchema } from '../../../src/core/basics/json-form.ts';
import { journalKinds } from '../../../src/core/events/journal.ts';
import { allEventKinds, eventKinds } from '../../../src/core/events/table.ts';
import { schemaVersion } from '../../../src/core/basics/schema-version.ts';
import {
  checkAnswer,
  envAnswer,
  exportAnswer,
  healthAnswer,
  installAnswer,
  jobsAnswer,
  triggerAnswer,
  versionAnswer,
  wantAnswer,
} from '../../../src/output/json/answers.ts';
import { doctorAnswer } from '../../../src/output/json/doctor.ts';
import { fleetAnswer } from '../../../src/output/json/fleet.ts';
import { initAnswer } from '../../../src/output/json/init.ts';
import { errorAnswer } from '../../../src/output/json/error.ts';
import { operationsAnswer } from '../../../src/output/json/operation.ts';
import { planAnswer } from '../../../src/output/json/plan.ts';
import type { Shape } from '../../../src/output/json/shape.ts';
import { logAnswer, resultAnswer } from '../../../src/output/json/stream.ts';
import { rolloutAnswer } from '../../../src/output/json/rollout.ts';
import { statusAnswer } from '../../../src/output/json/status.ts';

/** Each answer by the name of its schema, and the command line that prints it. */
const table: Readonly<Record<string, readonly [command: string, shape: Shape<never>]>> = {
  status: ['status --json', statusAnswer],
  rollout: ['rollout --json', rolloutAnswer],
  op: ['op list --json', operationsAnswer],
  plan: ['COMMAND --dry-run --json', planAnswer],
  jobs: ['jobs --json', jobsAnswer],
  want: ['want WORKER --json', wantAnswer],
  check: ['check --json', checkAnswer],
  env: ['env [WORKER[.ID]] --json', envAnswer],
  doctor: ['doctor --json', doctorAnswer],
  init: ['init --json', initAnswer],
  install: ['install WHAT --json', installAnswer],
  export: ['export SYSTEM --json', exportAnswer],
  trigger: ['trigger --json', triggerAnswer],
  version: ['version --json', versionAnswer],
  error: ['any command with --json', errorAnswer],
  result: ['COMMAND --json: its last line', resultAnswer],
  log: ['logs --json', logAnswer],
  health: ['watch --http: /healthz and /readyz', healthAnswer],
  fleet: ['fleet COMMAND --json: its last line', fleetAnswer],
};

interface Answer {
  readonly name: string;
  readonly command: string;
  readonly schema: JsonSchema;
}

const answers = Object.entries(table).map(([name, [command, { schema }]]): Answer => ({
  name,
  command,
  schema,
}));

/** The JSON Schema file of an answer. */
const schemaFile = ({ name, command, schema }: Answer): JsonSchema => ({
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: `workerctl ${command}`,
  $comment: `${name}, schema ${schemaVersion}`,
  ...schema,
});

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

const sectionOf = (answer: Answer): string =>
  [
    `### ${answer.command}`,
    '',
    `${String(answer.schema['description'])} [Schema](schemas/${answer.name}.schema.json)`,
    '',
    '| member | type | meaning |',
    '| --- | --- | --- |',
    ...rows(answer.schema),
  ].join('\n');

/** Of the events of commands, those that the journal does not have. */
const eventsSection = (): string =>
  [
    '### COMMAND --json: its events',
    '',
    'A line each, as in the [journal](journal.md), without `by` and `command`; and these, which the journal leaves out. [Schema](schemas/event.schema.json)',
    '',
    '| kind | what it says |',
    '| --- | --- |',
    ...allEventKinds
      .filter((kind) => !journalKinds.includes(kind))
      .map((kind) => `| \`${kind}\` | ${eventKinds[kind].summary} |`),
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
  const sections = [...answers.map(sectionOf), eventsSection()].join('\n\n');
  const text = `${before}<!-- generated: outputs -->\n\n${sections}\n\n<!-- end -->${after}`;
  expectFile(path, text);
});

test('every member must be described in a sentence', () => {
  const unclear = answers.flatMap(({ name, schema }) =>
    rows(schema as Described, `${name}: `).filter((row) => !/[.:!?…] \|$/.test(row)),
  );
  expect(unclear).toEqual([]);
});
