import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { check } from '../../src/commands/check.ts';
import { errorOf, scratchFolder, write } from './scratch.ts';

const folder = scratchFolder();
chmodSync(write(folder, 'bin/run', '#!/bin/sh\n'), 0o755);
write(folder, 'bin/text', 'no program');
write(folder, '.env', '');

const warningsOf = (text: string) =>
  check({ path: write(folder, 'workerctl.yaml', text) }).warnings.map(({ words }) => words);

test('a config that fits the host must have no warnings', () => {
  const outcome = check({
    path: write(
      folder,
      'workerctl.yaml',
      'workers: {a: {command: bin/run, env_files: [.env]}, b: {command: sh, pidfile: bin/%n.pid}}',
    ),
  });
  expect(outcome).toMatchObject({ kind: 'check', warnings: [] });
  expect(outcome.config.workers.map((worker) => worker.name)).toEqual(['a', 'b']);
});

test('what will prevent a start must be reported, each thing once', () => {
  const warnings = warningsOf(`
workers:
  a: {command: bin/text, count: 3, env_files: [.env, none.env], pidfile: run/%n.pid}
  b: {command: no-such-program-here}
  c: {command: x, directory: releases/%i, identifiers: [m, n]}
  d: {command: run, env: {PATH: bin}}
  e: {command: bin}
`);
  expect(warnings).toEqual([
    `workers.a.command: ${folder}/bin/text is not executable: chmod +x ${folder}/bin/text`,
    `workers.a.env_files: ${folder}/none.env does not exist yet`,
    `workers.a.pidfile: the directory ${folder}/run does not exist yet`,
    expect.stringMatching(/^workers\.b\.command: no-such-program-here is not in the PATH \(/),
    `workers.c.directory: ${folder}/releases/m does not exist yet`,
    `workers.c.directory: ${folder}/releases/n does not exist yet`,
    expect.stringMatching(/^workers\.e\.command: bin is not in the PATH/),
  ]);
});

test('the commands and files of release and ready must be checked', () => {
  const workers = `
workers:
  a: {command: sh, ready: {command: bin/text}}
  b: {command: sh, ready: {command: bin/run}}
`;
  expect(warningsOf(`release: {file: REVISION}${workers}`)).toEqual([
    `release.file: ${folder}/REVISION does not exist yet`,
    `workers.a.ready.command: ${folder}/bin/text is not executable: chmod +x ${folder}/bin/text`,
  ]);
  expect(warningsOf(`release: {command: bin/text -v}${workers}`)[0]).toBe(
    `release.command: ${folder}/bin/text is not executable: chmod +x ${folder}/bin/text`,
  );
  expect(warningsOf('release: {file: .env}\nworkers: {a: {command: sh}}')).toEqual([]);
  expect(warningsOf('workers: {a: {command: bin/none}}')).toEqual([
    `workers.a.command: ${folder}/bin/none does not exist, or is not a file`,
  ]);
});

test('an invalid config must be an error, not a warning', () => {
  const path = join(folder, 'none.yaml');
  expect(errorOf(() => check({ path })).code).toBe('config');
});

test('an env file that sh would read differently must be an error with its place, once', () => {
  write(folder, 'bad.env', 'A=1\nB=x y\nC="it\'s $5"\n');
  const text = 'workers: {a: {command: sh, count: 3, env_files: [.env, bad.env]}}';
  const { code, problems } = errorOf(() => warningsOf(text));
  const file = join(folder, 'bad.env');
  expect({ code, problems }).toEqual({
    code: 'config',
    problems: [
      { file, line: 2, column: 4, key: 'B', found: 'an unquoted blank', hint: "write B='x y'" },
      {
        ...{ file, line: 3, column: 9, key: 'C', found: '"$5", which is not expanded' },
        hint: 'no shell runs here; for these very characters, write C="it\'s \\$5"',
      },
    ],
  });
});

test('a warning must name the place of its key, also in the defaults, or of the worker that lacks it', () => {
  const file = write(
    folder,
    'workerctl.yaml',
    `release: {file: NONE}
defaults:
  directory: none
workers:
  a: {command: sh}
  b:
    command: sh
    directory: bin
    pidfile: none/%n.pid
  c: {command: no-such-program, directory: .}
`,
  );
  expect(
    check({ path: file }).warnings.map(
      ({ file: path, line, column, words }) =>
        `${path}:${line}:${column}: ${words.split(': ')[0] ?? ''}`,
    ),
  ).toEqual([
    `${file}:1:11: release.file`,
    `${file}:3:3: workers.a.directory`,
    `${file}:9:5: workers.b.pidfile`,
    `${file}:10:7: workers.c.command`,
  ]);
});
