/** A part of a JSON Schema (draft 7). */
export interface JsonSchema {
  readonly [word: string]: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly pattern?: string;
}

/** Whether a scalar has the form that a schema describes. Only the words above are looked at. */
export function accepts(schema: JsonSchema, value: unknown): boolean {
  const { anyOf, type = [], minimum, maximum, minLength = 0, pattern = '' } = schema;
  if (anyOf !== undefined) return anyOf.some((each) => accepts(each, value));
  if (schema.enum !== undefined) return schema.enum.includes(value);
  if ('const' in schema) return value === schema.const;
  if (![type].flat().some((each) => isOfType(each, value))) return false;
  if (typeof value === 'number')
    return (
      !(minimum !== undefined && value < minimum) && !(maximum !== undefined && value > maximum)
    );
  return typeof value !== 'string' || (value.length >= minLength && RegExp(pattern).test(value));
}

const isOfType = (type: string, value: unknown): boolean =>
  type === 'integer' ? Number.isInteger(value) : typeof value === type;
