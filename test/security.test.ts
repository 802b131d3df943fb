import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const page = readFileSync('docs/security.md', 'utf8');
const threats = page.split(/^## /m).find((part) => part.startsWith('Threats')) ?? '';
const rows = threats
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()))
  .filter(([, first = '']) => first !== 'threat' && !/^-+$/.test(first));

test.each(rows.map(([, threat = '', remedy = '', tests = '']) => ({ threat, remedy, tests })))(
  'docs/security.md must name what prevents "$threat", and tests that exist',
  ({ remedy, tests }) => {
    expect(remedy).not.toBe('');
    const files = [...tests.matchAll(/\]\((\.\.\/test\/[^)]+\.test\.ts)\)/g)].map(
      ([, file = '']) => file,
    );
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) expect(existsSync(join('docs', file)), file).toBe(true);
  },
);

test('docs/security.md must have threats, and be linked from the README and the architecture', () => {
  expect(rows.length).toBeGreaterThan(5);
  expect(readFileSync('README.md', 'utf8')).toContain('(docs/security.md)');
  expect(readFileSync('docs/architecture.md', 'utf8')).toContain('(security.md)');
});
