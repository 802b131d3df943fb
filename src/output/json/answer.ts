import { schemaVersion } from '../../core/basics/schema-version.ts';
import { integer, shape, type Member, type Shape } from './shape.ts';

/** An answer of one object with these members, after the number of the schema. */
export function answer<T>(about: string, members: Readonly<Record<string, Member<T>>>): Shape<T> {
  const version = integer<T>('The version of all JSON of workerctl.', () => schemaVersion);
  return shape<T>(about, {
    schema: { ...version, schema: { ...version.schema, const: schemaVersion } },
    ...members,
  });
}

/** The text of an answer: one object over several lines. */
export const printed = <T>(of: Shape<T>, source: T): string =>
  `${JSON.stringify(of.write(source), undefined, 2)}\n`;

/** The same in one line, for a stream. */
export const printedLine = <T>(of: Shape<T>, source: T): string =>
  `${JSON.stringify(of.write(source))}\n`;
