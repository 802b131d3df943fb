import { expect, test } from 'vitest';
import { unclearWords } from '../../../src/core/model/unclear-stop.ts';

const path = '/srv/my app/.workerctl/mail.1.stop';
const problem = `${path}: expected a stop, found "abc"`;

test('a damaged note must come with the line that moves it away, quoted, and with who asks then', () => {
  const line = `mv '${path}' '${path}.moved'`;
  const words = unclearWords({ instance: 'mail.1' }, { path, problem });
  expect(words).toContain(problem);
  expect(words).toMatch(new RegExp(`have the next stop or restart ask it: ${line}$`));
  const old = unclearWords({ instance: 'mail.1', retiring: 'a' }, { path, problem });
  expect(old).toMatch(new RegExp(`have the next pass ask it: ${line}$`));
});

test('a note that cannot be read must not be moved away: nothing says that it is damaged', () => {
  const words = unclearWords({ instance: 'mail.1' }, { path, problem, isUnreadable: true });
  expect(words).toContain('once that file can be read or is gone');
  expect(words).not.toContain('mv ');
});
