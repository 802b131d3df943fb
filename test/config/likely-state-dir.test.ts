import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { parseConfig } from '../../src/config/load.ts';
import { likelyStateDir } from '../../src/config/find.ts';

const file = '/srv/app/workerctl.yaml';
const workers = { mail: { command: 'mail' } };

test.each([
  ['', '/srv/app/.workerctl'],
  ['state_dir: run\n', '/srv/app/run'],
  ['state_dir:   /run/w   # tmpfs\n', '/run/w'],
  ['state_dir: "../run"\n', '/srv/run'],
  ["'state_dir': 'a%%b'\n", '/srv/app/a%b'],
])('%j must lead to %s', (line, expected) => {
  const text = `${line}workers: {mail: {command: mail}}\n`;
  expect(likelyStateDir(file, text)).toBe(expected);
  expect(parseConfig(file, text).stateDir).toBe(expected);
});

const word = fc.stringMatching(/^[A-Za-z0-9._+@-]{1,8}$/);

test('every usual way to write it must be found', () => {
  fc.assert(
    fc.property(
      fc.array(word, { minLength: 1, maxLength: 3 }),
      fc.boolean(),
      fc.constantFrom(stringify, JSON.stringify, (value: unknown) =>
        JSON.stringify(value, undefined, 2),
      ),
      (words, isAbsolute, write) => {
        const path = `${isAbsolute ? '/' : ''}${words.join('/')}`;
        const text = write({ state_dir: path, workers });
        expect(likelyStateDir(file, text)).toBe(parseConfig(file, text).stateDir);
      },
    ),
  );
});
