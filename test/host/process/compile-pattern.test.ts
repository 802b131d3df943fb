import { test } from 'vitest';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();

/** In a process of its own, because the setting of V8 is for good, and a match that hangs can be killed. */
const source = `
import { compileForLongTexts, compilePattern } from './process/compile-pattern.ts';
import { regexpProblem } from '../config/schema/texts.ts';
const [, , pattern = '', text = ''] = process.argv;
if (regexpProblem(pattern) !== undefined) throw new Error('it is refused');
const regexp = compilePattern(pattern);
compileForLongTexts(pattern).test('a'.repeat(60000) + '!');
let found;
for (let turn = 0; turn < 50; turn += 1) found = regexp.exec(text.repeat(400).slice(0, 4095) + '!');
console.log('found', JSON.stringify(found && found[1]));
`;

test.each([
  ['job (a+)+$', 'job aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'null'],
  ['(?:a|aa)*b', 'a', 'null'],
  ['(.*)(.*)(.*)(.*)x', 'abc', 'null'],
  ['^(?:a?){16}a{16}$', 'a', 'null'],
  ['(\\d+) of (\\d+)', 'job 12 of 13 ', '"12"'],
  ['^job (.*)!', 'job 1', '"1job 1job'],
])('%s must be matched with the worst text in no time', async (pattern, text, found) => {
  const child = scratch.run([...scratch.program(source), pattern, text]);
  await child.says(`found ${found}`);
});
