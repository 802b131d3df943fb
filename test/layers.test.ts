import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const source = join(dirname(fileURLToPath(import.meta.url)), '..', 'src');

/** What each layer may import of ours, besides itself. */
const below: Readonly<Record<string, readonly string[]>> = {
  'main.ts': ['commands', 'cli', 'engine', 'config', 'output', 'host', 'core'],
  commands: ['cli', 'engine', 'config', 'output', 'host', 'core'],
  cli: ['engine', 'config', 'output', 'host', 'core'],
  engine: ['config', 'output', 'host', 'core'],
  config: ['core'],
  output: ['core'],
  host: ['core'],
  core: [],
};

const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.ts'),
);
const layerOf = (path: string): string => path.split('/')[0] ?? '';

function importsOf(file: string): string[] {
  const text = readFileSync(join(source, file), 'utf8');
  const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)];
  return specifiers.map(([, specifier = '']) => specifier);
}

test('there must be sources to look at', () => {
  expect(files.length).toBeGreaterThan(30);
});

test.each(files)('%s must import downwards only', (file) => {
  for (const specifier of importsOf(file).filter((one) => one.startsWith('.'))) {
    const target = layerOf(relative(source, join(source, dirname(file), specifier)));
    expect(
      [layerOf(file), ...(below[layerOf(file)] ?? [])],
      `${file} imports ${specifier}`,
    ).toContain(target);
  }
});

test.each(files.filter((file) => file.startsWith('core/')))(
  '%s must know nothing of Node or of libraries',
  (file) => {
    expect(importsOf(file).filter((one) => !one.startsWith('.'))).toEqual([]);
  },
);

test.each(files)('%s must not print or exit by itself below the surface', (file) => {
  if (['main.ts', 'cli'].includes(layerOf(file))) return; // commands print through cli/print.ts
  expect(readFileSync(join(source, file), 'utf8')).not.toMatch(
    /process\.(stdout|stderr|exit)\b|console\./,
  );
});
