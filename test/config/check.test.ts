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
  check({ path: write(folder, 'workerctl.yaml', text) }).warnings;

test('a config that fits the host has no warnings', () => {
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

test('what will be in the way of a start is told, each thing once', () => {
  const warnings = warningsOf(`
workers:
  a: {command: bin/text, count: 3, env_files: [.env, none.env], pidfile: run/%n.pid}
  b: {command: no-such-program-here}
  c: {command: x, directory: releases/%i, identifiers: [m, n]}
  d: {command: run, env: {PATH: bin}}
  e: {command: bin}
`);
  expect(warnings).toEqual([
    `workers.a.command: ${folder}/bin/text is no file that can be run`,
    `workers.a.env_files: there is no file ${folder}/none.env (yet)`,
    `workers.a.pidfile: there is no folder ${folder}/run (yet)`,
    expect.stringMatching(/^workers\.b\.command: "no-such-program-here" is not found in PATH \(/),
    `workers.c.directory: there is no folder ${folder}/releases/m (yet)`,
    `workers.c.directory: there is no folder ${folder}/releases/n (yet)`,
    expect.stringMatching(/^workers\.e\.command: "bin" is not found/),
  ]);
});

test('the commands and files that tell of a release and of readiness are looked for', () => {
  const workers = `
workers:
  a: {command: sh, ready: {command: bin/text}}
  b: {command: sh, ready: {command: bin/run}}
`;
  expect(warningsOf(`release: {file: REVISION}${workers}`)).toEqual([
    `release.file: there is no file ${folder}/REVISION (yet)`,
    `workers.a.ready.command: ${folder}/bin/text is no file that can be run`,
  ]);
  expect(warningsOf(`release: {command: bin/text -v}${workers}`)[0]).toBe(
    `release.command: ${folder}/bin/text is no file that can be run`,
  );
  expect(warningsOf('release: {file: .env}\nworkers: {a: {command: sh}}')).toEqual([]);
});

test('a wrong config is an error, not a warning', () => {
  const path = join(folder, 'none.yaml');
  expect(errorOf(() => check({ path })).code).toBe('config');
});
