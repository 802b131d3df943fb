// The JSON Schema and the reference of the config, which follow from the table of keys.
import type { JsonSchema, ValueType } from '../../../src/config/schema/value-type.ts';
import { configSection, workerSection } from '../../../src/config/schema/keys.ts';
import { fleetSection, hostSection } from '../../../src/config/fleet/keys.ts';
import {
  isSection,
  type Key,
  type Keys,
  type SectionType,
} from '../../../src/config/schema/section.ts';
import { specifiersIn, type Scope } from '../../../src/config/specifiers.ts';

/** The JSON Schema of a config file: draft 7, which editors know best. */
export const configJsonSchema = (): object => ({
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'workerctl.yaml',
  description: 'The workers that workerctl runs.',
  ...sectionSchema(configSection),
});

/** The same of fleet.yaml. */
export const fleetJsonSchema = (): object => ({
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'fleet.yaml',
  description: 'The hosts that workerctl fleet reaches.',
  ...sectionSchema(fleetSection),
});

/** @param canBeNull whether a preset or the defaults may be below its keys, so that null takes them away */
function sectionSchema(
  { keys, conflicts, needsOne }: SectionType<Keys>,
  canBeNull = false,
): JsonSchema {
  const names = Object.keys(keys);
  const required = names.filter((name) => keys[name]?.required);
  // What is taken away with null is not there.
  const given = { not: { type: 'null' } };
  const pairs = conflicts.map(([one, other]) => ({
    required: [one, other],
    ...(canBeNull && { properties: { [one]: given, [other]: given } }),
  }));
  return {
    type: 'object',
    properties: Object.fromEntries(
      Object.entries(keys).map(([name, key]) => [name, keySchema(key, canBeNull)]),
    ),
    additionalProperties: false,
    ...(required.length > 0 && { required }),
    ...(needsOne && {
      anyOf: (needsOne === true ? names : needsOne).map((name) => ({ required: [name] })),
    }),
    ...(pairs.length > 0 && { not: { anyOf: pairs } }),
  };
}

function keySchema(key: Key, canBeNull: boolean): JsonSchema {
  const { type, help, default: value, without, example, required } = key;
  const isBelow = canBeNull || key === configSection.keys.defaults;
  const schema = schemaOf(type, isBelow);
  const shown = value === undefined ? without : String(value);
  const specifiers = specifiersIn[type.scope ?? 'config'].join(' ');
  return {
    description: [
      help,
      ...(shown === undefined ? [] : [`Default: ${shown}.`]),
      ...(specifiers === '' ? [] : [`May hold ${specifiers} and %% (percent sign).`]),
    ].join(' '),
    ...(value !== undefined && { default: value }),
    ...(example !== undefined && { examples: [example] }),
    ...(canBeNull && !required ? orNull(schema) : schema),
  };
}

/** Of the map of workers, each value is a section. */
function schemaOf(type: ValueType<unknown>, canBeNull: boolean): JsonSchema {
  if (isSection(type)) return sectionSchema(type, canBeNull);
  const { json } = type;
  if (type === configSection.keys.workers.type)
    return { ...json, additionalProperties: sectionSchema(workerSection, true) };
  if (type === fleetSection.keys.hosts.type)
    return { ...json, additionalProperties: orNull(sectionSchema(hostSection)) };
  const item = json['additionalProperties'];
  return canBeNull && typeof item === 'object'
    ? { ...json, additionalProperties: orNull(item as JsonSchema) }
    : json;
}

function orNull(schema: JsonSchema): JsonSchema {
  const { anyOf, type, enum: words } = schema;
  if (anyOf !== undefined) return { ...schema, anyOf: [...anyOf, { type: 'null' }] };
  if (type === undefined) return { anyOf: [schema, { type: 'null' }] };
  return {
    ...schema,
    type: [type, 'null'].flat(),
    ...(words && { enum: [...words, null] }),
  };
}

/** The reference of all keys for docs/config.md: nested lists in Markdown. */
export function configReference(): string {
  const { defaults, workers, ...top } = configSection.keys;
  const whole = { defaults, workers };
  return [
    'At the top level:\n',
    ...keyLines(top),
    ...Object.entries<Key>(whole).map(([name, key]) => keyLine(name, key, '')),
    '\nIn each worker, and all but `command` in `defaults`:\n',
    ...keyLines(workerSection.keys),
    `\nSpecifiers work in ${keysIn('instance')}. In ${keysIn('worker')} there are only ${codes(specifiersIn.worker)}.`,
  ].join('\n');
}

/** The reference of all keys for docs/fleet.md. */
export const fleetReference = (): string =>
  [
    ...keyLines(fleetSection.keys),
    '\nBelow each host, all optional:\n',
    ...keyLines(hostSection.keys),
  ].join('\n');

function keyLines(keys: Keys, prefix = '', indent = ''): string[] {
  return Object.entries(keys).flatMap(([name, key]) => [
    keyLine(`${prefix}${name}`, key, indent),
    ...(isSection(key.type) ? keyLines(key.type.keys, `${prefix}${name}.`, `${indent}  `) : []),
  ]);
}

function keyLine(name: string, key: Key, indent: string): string {
  const facts = isSection(key.type) ? [] : [key.type.expected, ...valueFacts(key)];
  const about = facts.length > 0 ? ` (${facts.join('; ')})` : '';
  return `${indent}- **\`${name}\`**${about}: ${key.help}`;
}

function valueFacts({ required, default: value, without, example }: Key): string[] {
  const show = (shown: unknown) =>
    `\`${typeof shown === 'string' ? shown : JSON.stringify(shown)}\``;
  return [
    ...(required ? ['required'] : []),
    ...(value === undefined ? [] : [`default ${show(value)}`]),
    ...(without === undefined ? [] : [`default: ${without}`]),
    ...(example === undefined ? [] : [`for example ${show(example)}`]),
  ];
}

const codes = (texts: readonly string[]): string => texts.map((text) => `\`${text}\``).join(', ');

/** The keys of a worker whose texts may hold the specifiers of this scope. */
function keysIn(scope: Scope): string {
  const names = (keys: Keys, prefix = ''): string[] =>
    Object.entries(keys).flatMap(([name, { type }]) => {
      if (isSection(type)) return names(type.keys, `${prefix}${name}.`);
      return type.scope === scope ? [`${prefix}${name}`] : [];
    });
  return codes(names(workerSection.keys));
}
