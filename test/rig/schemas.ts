// Every object that a test sees in the output of a command with `--json`, or in the journal, must match its schema.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';

const ajv = new Ajv({ strict: false, allErrors: true });
addFormats.default(ajv);
const validators = new Map<string, ValidateFunction>();

function validatorOf(name: string): ValidateFunction {
  const known = validators.get(name);
  if (known !== undefined) return known;
  const path = fileURLToPath(new URL(`../../docs/schemas/${name}.schema.json`, import.meta.url));
  const validator = ajv.compile(JSON.parse(readFileSync(path, 'utf8')) as object);
  validators.set(name, validator);
  return validator;
}

/** What distinguishes the answers: a member that only this one has. */
const answers: readonly (readonly [member: string, schema: string])[] = [
  ['error', 'error'],
  ['instances', 'status'],
  ['operations', 'op'],
  ['plan', 'plan'],
  ['workers', 'jobs'],
  ['max_count', 'want'],
  ['warnings', 'check'],
  ['findings', 'doctor'],
  ['woken', 'trigger'],
  ['text', 'install'],
];

function schemaOf(value: object): string | undefined {
  const { kind, by, command } = value as { kind?: unknown; by?: unknown; command?: unknown };
  if (kind === 'result' || kind === 'log') return kind;
  if (kind === 'fleet_result') return 'fleet';
  if (kind !== undefined) return by !== undefined && command !== undefined ? 'journal' : 'event';
  if ('left_out' in value) return 'init';
  if ('findings' in value) return 'doctor';
  return answers.find(([member]) => member in value)?.[1];
}

/** @throws Error if the object is no output that has a schema, or does not match it */
export function validate(value: object, as = schemaOf(value)): void {
  const text = JSON.stringify(value);
  if (as === undefined) throw new Error(`expected an output with a schema, found ${text}`);
  const validator = validatorOf(as);
  if (!validator(value))
    throw new Error(
      `expected ${as}.schema.json to allow ${text}: ${ajv.errorsText(validator.errors)}`,
    );
}
