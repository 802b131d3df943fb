import fc from 'fast-check';
import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { parseEnvFile } from '../../../src/core/protocols/env-file.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();

const base = { HOME: '/home/me', B: 'x  y*', PATH: '/usr/bin:/bin' };
const before = new Map(Object.entries(base));

/** What a shell has in its environment after reading the file. */
function shellReads(shell: readonly string[], file: string): Record<string, string> {
  const [program = '', ...words] = shell;
  const script = `set -a; . ${file}; exec /usr/bin/env -0`;
  const output = execFileSync(program, [...words, '-c', script], { env: base }).toString();
  const entries = output.split('\0').flatMap((entry) => {
    const at = entry.indexOf('=');
    return at === -1 ? [] : [[entry.slice(0, at), entry.slice(at + 1)] as const];
  });
  const own = new Set(['PWD', 'OLDPWD', 'SHLVL', '_']);
  return Object.fromEntries(entries.filter(([name]) => !own.has(name)));
}

const pieces = [
  ...['a', 'b1', '_', '=', ':', '~', '~/', '#', ' ', '  ', '\t', '\\', "'", '"', '"', '\n', '\\\n'],
  ...['$B', '${B}', '$HOME', '${', '$', '$5', '`', '*', '?', '{a,b}', '[a]', ';', '&', '(', '!'],
  ...['é', '\u00a0', '\v', '-', '.', '/', '%', '^', ','],
];
const value = fc.array(fc.constantFrom(...pieces), { maxLength: 8 }).map((all) => all.join(''));
const quotedValue = fc.oneof(
  value,
  value.map((text) => `"${text}"`),
  value.map((text) => `'${text}'`),
);
const line = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.constantFrom('A=', 'C=', 'export D=', ' E='), quotedValue)
      .map((all) => all.join('')),
  },
  fc.constantFrom('# a comment', '', '  # x', 'export B', 'A=$C', 'C=${A}', 'A=1 # c', 'A=#'),
);
const lines = fc.array(line, { maxLength: 4 }).map((all) => all.join('\n'));

/** bash too, as which sh is installed on some systems. */
describe.each([['sh'], ['bash', '--posix']])('%s must agree', (...shell) => {
  test('with every file that is accepted', () => {
    let accepted = 0;
    fc.assert(
      fc.property(lines, (text) => {
        const { variables, problems } = parseEnvFile(text, before);
        if (problems.length > 0) return;
        accepted += 1;
        const file = scratch.write('random.env', `${text}\n`);
        expect({ ...base, ...Object.fromEntries(variables) }).toEqual(shellReads(shell, file));
      }),
      { numRuns: 800 },
    );
    expect(accepted).toBeGreaterThan(100);
  });

  test('with every remedy', () => {
    let remedies = 0;
    fc.assert(
      fc.property(quotedValue, (text) => {
        const [problem] = parseEnvFile(`A=${text}`, before).problems;
        const remedy = /write (A=[^]*)$/.exec(problem?.hint ?? '')?.[1];
        if (remedy === undefined) return;
        remedies += 1;
        const { variables, problems } = parseEnvFile(remedy, before);
        expect({ remedy, problems }).toEqual({ remedy, problems: [] });
        const file = scratch.write('remedy.env', `${remedy}\n`);
        expect({ ...base, ...Object.fromEntries(variables) }).toEqual(shellReads(shell, file));
      }),
      { numRuns: 300 },
    );
    expect(remedies).toBeGreaterThan(50);
  });
});
