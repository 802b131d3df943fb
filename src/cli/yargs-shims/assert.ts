import type Assert from 'node:assert';

/** Loaded when a check fails: node:assert takes a quarter of the time that `status` may take. */
const loaded = (): Pick<typeof Assert, 'fail'> => process.getBuiltinModule('node:assert');

/** Replaces, in the bundle, what yargs uses of node:assert. */
export function strictEqual(actual: unknown, expected: unknown, message?: string): void {
  if (!Object.is(actual, expected)) loaded().fail(message);
}

export function notStrictEqual(actual: unknown, expected: unknown, message?: string): void {
  if (Object.is(actual, expected)) loaded().fail(message);
}
