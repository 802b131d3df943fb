import { specifiersIn, type Scope } from '../specifiers.ts';
import { configSection, workerSection } from './keys.ts';
import { isSection, type Key, type Keys } from './section.ts';

/** The JSON Schema of a config file: draft 7, which editors know best. */
export const configJsonSchema = (): object => ({
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'workerctl.yaml',
  description: 'The workers that workerctl runs.',
  ...configSection.json,
});

/** The reference of all keys for docs/config.md: nested lists in Markdown. */
export function configReference(): string {
  const { state_dir, log_dir, release, defaults, workers } = configSection.keys;
  const top = { state_dir, log_dir, release };
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
