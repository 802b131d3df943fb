import { chmodSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Worker } from '../../../src/core/model/config.ts';
import { launchOf } from '../../../src/core/model/launch.ts';
import { openPlace } from '../../../src/host/worker/place.ts';
import { filesProblem, workerProblem } from '../../../src/host/worker/preflight.ts';
import { aWorker } from '../../core/builders.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();

/** What is wrong with a worker in `app`, whose program is there. */
function problemOf(
  changes: Partial<Worker> = {},
  ready?: readonly string[],
  meanwhile: () => void = () => undefined,
): string | undefined {
  mkdirSync(scratch.path('app'), { recursive: true });
  chmodSync(scratch.write('app/worker', '#!/bin/sh\n'), 0o755);
  const worker = aWorker('mail', ['1'], {
    command: ['./worker'],
    directory: scratch.path('app'),
    logFile: scratch.path('log/%n.log'),
    pidfile: scratch.path('run/%n.pid'),
    ...changes,
  });
  const launch = launchOf(worker, 'mail.1', scratch.folder(), 'web1');
  const place = openPlace(worker.directory);
  try {
    meanwhile();
    return (
      workerProblem(worker, launch, place, { ready }) ?? filesProblem(launch, scratch.folder())
    );
  } finally {
    place.close();
  }
}

test('a worker that can be started must have no problem, and nothing is created', () => {
  const envFiles = [scratch.write('.env', 'A=1\n')];
  expect(problemOf({ envFiles }, ['./worker'])).toBeUndefined();
  expect(readdirSync(scratch.folder()).sort()).toEqual(['.env', 'app']);
});

test('its command, its logger and its readiness command must be looked for in its own PATH', () => {
  const env = { PATH: scratch.path('app') };
  const none = (key: string): string =>
    `${key}: there is no program none in the PATH (${scratch.path('app')})`;
  expect(problemOf({ env, command: ['worker'] })).toBeUndefined();
  expect(problemOf({ env, command: ['none'] })).toBe(none('command'));
  expect(problemOf({ env, log: { kind: 'piped', command: ['none'] } })).toBe(none('log.command'));
  expect(problemOf({ env }, ['none'])).toBe(none('ready.command'));
});

test('a directory that was removed, an env file and a log must be named', () => {
  expect(
    problemOf({}, undefined, () => {
      rmSync(scratch.path('app'), { recursive: true });
    }),
  ).toContain('was just removed');
  expect(problemOf({ envFiles: [scratch.path('none.env')] })).toContain('none.env');
  const file = scratch.write('file', '');
  expect(problemOf({ logFile: `${file}/x.log` })).toBe(`log: ${file} is not a directory`);
  expect(problemOf({ pidfile: `${file}/x.pid` })).toBe(`pidfile: ${file} is not a directory`);
});
