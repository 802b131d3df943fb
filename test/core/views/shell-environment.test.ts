import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shownEnvironment, sourceable } from '../../../src/core/views/shell-environment.ts';
import { visible } from '../../../src/core/basics/visible.ts';

/** What a shell has in these variables when it has read the text. */
function sourcedBy(shell: string, text: string, names: readonly string[]): Record<string, string> {
  const show = names.map((name) => `printf '%s\\0' "$${name}"`).join('; ');
  const { stdout } = spawnSync(shell, ['-c', `${text}\n${show}`], { encoding: 'utf8', env: {} });
  const values = stdout.split('\0');
  return Object.fromEntries(names.map((name, at) => [name, values[at] ?? '']));
}

const named = (values: readonly string[]): Record<string, string> =>
  Object.fromEntries(values.map((value, at) => [`V${at}`, value]));

test.each(['sh', 'bash'])('%s must read any values back, and a terminal obey none', (shell) => {
  const value = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 20 }),
    fc.string({
      unit: fc.constantFrom(...Array.from('\'"\\$`%\n\t\r\x1b\x9b\u202e!~ a.')),
      maxLength: 12,
    }),
  );
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 8 }), (values) => {
      const given = named(values.map((text) => text.replaceAll('\0', '')));
      const text = sourceable(shownEnvironment(given, true));
      expect(visible(text)).toBe(text);
      expect(sourcedBy(shell, text, Object.keys(given))).toEqual(given);
    }),
    { numRuns: 40 },
  );
});

test('values that look secret must be left out, and named in comments', () => {
  const given = { API_TOKEN: 'sesam', DB: 'redis://u:pw@h/1', OPTS: '--password pw', LANG: 'C' };
  const { variables, hidden } = shownEnvironment(given, false);
  expect(variables).toEqual({ LANG: 'C' });
  expect(hidden).toEqual(['API_TOKEN', 'DB', 'OPTS']);
  expect(sourceable({ variables, hidden })).toBe(
    'export LANG=C\n# API_TOKEN is hidden: --show-secrets\n# DB is hidden: --show-secrets\n# OPTS is hidden: --show-secrets\n',
  );
  expect(shownEnvironment(given, true)).toMatchObject({ variables: given, hidden: [] });
});

test('what a shell cannot set must be a comment', () => {
  const text = sourceable(shownEnvironment({ UID: '7', PPID: '1', 'A-B': 'x', A: 'b c' }, true));
  expect(text.split('\n').filter((line) => !line.startsWith('#'))).toEqual(["export A='b c'", '']);
});
