import { schemaVersion } from '../../core/basics/schema-version.ts';
import type { JsonSchema } from '../../core/basics/json-form.ts';
import { integer, shape, type Member, type Shape } from './shape.ts';

/** An answer of one object: its shape, and the command that prints it. */
export interface Answer<T> extends Shape<T> {
  /** Its name: that of the schema file. */
  readonly name: string;
  /** The command line that prints it. */
  readonly command: string;
}

/** An answer with these members, after the number of the schema. */
export function answer<T>(
  name: string,
  command: string,
  about: string,
  members: Readonly<Record<string, Member<T>>>,
): Answer<T> {
  const version = integer<T>('The version of all JSON of workerctl.', () => schemaVersion);
  const whole = shape<T>(about, {
    schema: { ...version, schema: { ...version.schema, const: schemaVersion } },
    ...members,
  });
  return { ...whole, name, command };
}

/** The text of an answer: one object over several lines. */
export const printed = <T>(of: Shape<T>, source: T): string =>
  `${JSON.stringify(of.write(source), undefined, 2)}\n`;

/** The same in one line, for a stream. */
export const printedLine = <T>(of: Shape<T>, source: T): string =>
  `${JSON.stringify(of.write(source))}\n`;

/** The JSON Schema file of an answer. */
export const schemaFile = ({ name, command, schema }: Answer<never>): JsonSchema => ({
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: `workerctl ${command}`,
  $comment: `${name}, schema ${schemaVersion}`,
  ...schema,
});
