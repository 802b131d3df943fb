import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { programProblem } from '../../../src/host/process/program-problem.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();
const path = '/usr/bin:/bin';

/** What is wrong with a program of this text, without the name of its directory. */
function problemOf(text: string, mode = 0o755): string | undefined {
  chmodSync(scratch.write('worker', text), mode);
  return programProblem('./worker', { directory: scratch.folder(), path })?.replaceAll(
    `${scratch.folder()}/`,
    '',
  );
}

const missing = (interpreter: string): string =>
  `worker cannot be run: ${interpreter} does not exist`;
const notFound = (name: string): string =>
  `worker cannot be run: there is no program ${name} in the PATH (${path})`;

test.each([
  ['a shell script', '#!/bin/sh\n', undefined],
  ['one with an option', '#!/bin/sh -e\n', undefined],
  ['one with blanks', '#! \t/bin/sh  -e  \n', undefined],
  ['one without an end', '#!/bin/sh', undefined],
  ['one without an interpreter, which runs in sh', 'exec sleep 1\n', undefined],
  ['an empty file', '', undefined],
  ['env', '#!/usr/bin/env sh\n', undefined],
  ['env -S', '#!/usr/bin/env -S A=1 sh -e\n', undefined],
  ['env with an option that is not looked into', '#!/usr/bin/env -i no-such\n', undefined],
  ['no interpreter', '#!/no/such\n', missing('/no/such')],
  ['a directory as the interpreter', '#!/usr\n', 'worker cannot be run: /usr is not a file'],
  ['no program of env', '#!/usr/bin/env no-such\n', notFound('no-such')],
  ['no program of env -S', '#!/usr/bin/env -S A=1 no-such -x\n', notFound('no-such')],
  ['Windows line ends', '#!/bin/sh\r\n', `${missing('/bin/sh\\r')} (its lines end as on Windows)`],
  [
    'Windows line ends and env',
    '#!/usr/bin/env sh\r\n',
    `${notFound('sh\\r')} (its lines end as on Windows)`,
  ],
])('%s', (_, text, problem) => {
  expect(problemOf(text)).toBe(problem);
});

test('a script whose interpreter is a script without one must be a problem', () => {
  chmodSync(scratch.write('inner', '#!/no/such\n'), 0o755);
  expect(problemOf(`#!${scratch.path('inner')}\n`)).toBe(
    'worker cannot be run: inner cannot be run: /no/such does not exist',
  );
});

test('a file that is missing, a directory, or not executable must be named', () => {
  const place = { directory: scratch.folder(), path };
  expect(programProblem('bin/none', place)).toBe(`${scratch.path('bin/none')} does not exist`);
  mkdirSync(scratch.path('folder'));
  expect(programProblem('./folder', place)).toBe(`${scratch.path('folder')} is not a file`);
  expect(problemOf('#!/bin/sh\n', 0o644)).toBe('worker is not executable: chmod +x worker');
  expect(programProblem('none', place)).toBe(`there is no program none in the PATH (${path})`);
});

test('a binary must have its loader', () => {
  const place = { directory: scratch.folder(), path };
  copyFileSync('/bin/sleep', scratch.path('sleep'));
  expect(programProblem('./sleep', place)).toBeUndefined();
  const loader = /\/lib[\w/]*\/ld-[\w.-]+/.exec(readFileSync('/bin/sleep', 'latin1'))?.[0];
  if (loader === undefined) return; // statically linked here
  const other = loader.replace('/ld-', '/xx-');
  const binary = readFileSync('/bin/sleep', 'latin1').replace(loader, other);
  writeFileSync(scratch.path('musl'), binary, 'latin1');
  chmodSync(scratch.path('musl'), 0o755);
  expect(programProblem('./musl', place)).toBe(
    `${scratch.path('musl')} cannot be run: ${other} does not exist`,
  );
});
