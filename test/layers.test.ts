import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { preProcessFile } from 'typescript';
import { expect, test } from 'vitest';

const source = fileURLToPath(new URL('../src', import.meta.url));

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
  // A program of its own, which browsers run a part of.
  page: ['core'],
};

/** Only these print, or end the process. */
const surface = ['main.ts', 'cli'];

const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) =>
  /\.tsx?$/.test(file),
);

const layerOf = (path: string): string => path.split('/')[0] ?? '';

const textOf = (file: string): string => readFileSync(join(source, file), 'utf8');

/** What a file imports, by `import`, `import type`, `export … from` and `import()`. */
const importsOf = (file: string): string[] =>
  preProcessFile(textOf(file), true, true).importedFiles.map(({ fileName }) => fileName);

/** The files of ours that a file imports, from the directory of the sources. */
const importedBy = new Map(
  files.map((file) => [
    file,
    importsOf(file)
      .filter((one) => one.startsWith('.'))
      .map((one) => normalize(join(dirname(file), one))),
  ]),
);

test('there must be sources to look at, and each import must name a file', () => {
  expect(files.length).toBeGreaterThan(200);
  const imported = [...importedBy.values()].flat();
  expect(imported.length).toBeGreaterThan(1_000);
  expect(imported.filter((file) => !existsSync(join(source, file)))).toEqual([]);
});

test('imports must run downwards: main, commands, cli, engine, then config, output and host, then core', () => {
  const upwards = [...importedBy].flatMap(([file, imported]) =>
    imported
      .filter((one) => ![layerOf(file), ...(below[layerOf(file)] ?? [])].includes(layerOf(one)))
      .map((one) => `${file} imports ${one}`),
  );
  expect(upwards).toEqual([]);
});

test('files must not import each other in a circle, not even types', () => {
  expect(circlesIn(importedBy).map((circle) => circle.join(' → '))).toEqual([]);
});

test('core must know nothing of Node or of libraries', () => {
  const foreign = files
    .filter((file) => layerOf(file) === 'core')
    .flatMap((file) =>
      importsOf(file)
        .filter((one) => !one.startsWith('.'))
        .map((one) => `${file} imports ${one}`),
    );
  expect(foreign).toEqual([]);
});

test('only main and cli must print or exit', () => {
  const printing = /process\.(?:stdout|stderr|exit)\b|console\./;
  expect(
    files.filter((file) => !surface.includes(layerOf(file)) && printing.test(textOf(file))),
  ).toEqual([]);
});

test('the search for circles must find each one, and none if there is none', () => {
  const graph = (edges: Record<string, string[]>): string[][] =>
    circlesIn(new Map(Object.entries(edges)));
  expect(graph({ a: ['b', 'c'], b: ['c'], c: [] })).toEqual([]);
  expect(graph({ a: ['b'], b: ['c'], c: ['b'], d: ['d', 'a'] })).toEqual([
    ['b', 'c', 'b'],
    ['d', 'd'],
  ]);
});

/**
 * A shortest circle through each file that is part of one, unless an earlier circle has it; the first file is repeated
 * at the end.
 */
function circlesIn(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const circles: string[][] = [];
  for (const file of graph.keys()) {
    if (circles.some((circle) => circle.includes(file))) continue;
    const circle = pathBetween(graph, file, file);
    if (circle !== undefined) circles.push(circle);
  }
  return circles;
}

/** A shortest way of at least one step, by breadth-first search. */
function pathBetween(
  graph: ReadonlyMap<string, readonly string[]>,
  from: string,
  to: string,
): string[] | undefined {
  const seen = new Set<string>();
  let paths = [[from]];
  while (paths.length > 0) {
    const longer: string[][] = [];
    for (const path of paths)
      for (const next of graph.get(path.at(-1) ?? '') ?? []) {
        if (next === to) return [...path, next];
        if (seen.has(next)) continue;
        seen.add(next);
        longer.push([...path, next]);
      }
    paths = longer;
  }
  return undefined;
}
