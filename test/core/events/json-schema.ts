// The JSON Schemas of events and of the journal, which follow from the table of events.
import type { JsonSchema } from '../../../src/core/basics/json-form.ts';
import { schemaVersion } from '../../../src/core/basics/schema-version.ts';
import { jsonName } from '../../../src/core/events/event-json.ts';
import type { Member } from '../../../src/core/events/event-kind.ts';
import { journalKinds } from '../../../src/core/events/journal.ts';
import { allEventKinds, eventKinds, type EventKindName } from '../../../src/core/events/table.ts';

/** A member of a kind as the documentation shows it. */
export interface DescribedMember {
  readonly name: string;
  readonly schema: JsonSchema;
  readonly isRequired: boolean;
  readonly description: string;
}

/** The members of every line of any kind. */
const common: readonly DescribedMember[] = [
  member('schema', { const: schemaVersion }, 'The version of this format.'),
  member('at', { type: 'string', format: 'date-time' }, 'When, in UTC with milliseconds.'),
  member('kind', { type: 'string' }, 'What has happened.'),
  member('level', { enum: ['info', 'warning', 'error'] }, 'How serious it is.'),
  member(
    'instance',
    { type: 'string' },
    'The instance, such as `mail.1`; or a worker, or a part of workerctl: `watch`, `hooks`, `notify`, `finisher`, `journal`.',
  ),
  {
    ...member('retiring', { const: true }, 'It was the old process, beside its replacement.'),
    isRequired: false,
  },
  member('text', { type: 'string' }, 'The same in words, for people.'),
];

/** The members that the lines of the journal have in addition. */
const journalOnly: readonly DescribedMember[] = [
  member('by', { type: 'string' }, 'The user who ran the command, as user@host.'),
  member('command', { type: 'string' }, 'The command that did or saw it.'),
];

/** The members of every line of the journal. */
export const commonMembers: readonly DescribedMember[] = [...common, ...journalOnly];

/** What the lines of a kind have in addition. */
export const membersOfKind = (kind: EventKindName): DescribedMember[] =>
  Object.entries<Member<never, boolean>>(eventKinds[kind].members).map(
    ([name, { form, isRequired, description }]) => ({
      name: jsonName(name, form.unit),
      schema: form.schema,
      isRequired,
      description,
    }),
  );

/** The JSON Schema of a line of the journal. Kinds and members that it does not name are allowed. */
export const journalJsonSchema = (): JsonSchema => ({
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'A line of events.ndjson',
  description: 'What has happened to a worker that workerctl runs.',
  type: 'object',
  ...objectSchema(commonMembers),
  allOf: kindSchemas(journalKinds),
});

/** The JSON Schema of an event in the output of a command with --json. */
export const eventJsonSchema = (): JsonSchema => ({
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'An event',
  description: 'A line that a command prints with --json while it acts.',
  type: 'object',
  ...objectSchema(common),
  allOf: kindSchemas(allEventKinds),
});

const kindSchemas = (kinds: readonly EventKindName[]): JsonSchema[] =>
  kinds.map((kind) => ({
    if: { properties: { kind: { const: kind } } },
    then: { description: eventKinds[kind].summary, ...objectSchema(membersOfKind(kind)) },
  }));

const objectSchema = (members: readonly DescribedMember[]): JsonSchema => ({
  properties: Object.fromEntries(
    members.map(({ name, schema, description }) => [name, { ...schema, description }]),
  ),
  required: members.filter(({ isRequired }) => isRequired).map(({ name }) => name),
});

function member(name: string, schema: JsonSchema, description: string): DescribedMember {
  return { name, schema, isRequired: true, description };
}
