import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { durationOf } from '../../src/core/basics/time.ts';
import { conditionWords, keyOf } from '../../src/core/presets/condition.ts';
import { presetFor, presetNames, presets } from '../../src/core/presets/table.ts';
import type { Preset } from '../../src/core/presets/preset.ts';
import { trapsOf } from '../../src/core/presets/traps.ts';
import { configIn, scratchFolder } from '../config/scratch.ts';

const { worker } = configIn(scratchFolder());

const trapsIn = (
  keys: string,
  occasion: 'check' | 'stop' | 'doctor' = 'check',
  seconds?: number,
): string =>
  trapsOf(
    worker(`workers: {a: {${keys}}}`),
    occasion,
    seconds === undefined ? undefined : durationOf(seconds * 1000),
  )
    .map(({ key, says, isGiven }) => `${isGiven ? 'note' : key}: ${says}`)
    .join('\n');

describe('a trap must be told if it applies, and only then', () => {
  test.each([
    ['preset: sidekiq, command: sidekiq', /^command: it gives its jobs 25s \(its default\)/m],
    [
      'preset: sidekiq, command: sidekiq -t 60, stop: {timeout: 2h}',
      /^command: it gives its jobs 1m after TERM/m,
    ],
    [
      'preset: sidekiq, command: [sh, -c, "exec sidekiq --timeout=60"], stop: {timeout: 2h}',
      /^command: it gives its jobs 1m after TERM/m,
    ],
    ['preset: gunicorn, command: gunicorn app', /^command: without --preload/m],
    ['preset: gunicorn, command: x, ready: {stay: null}', /^ready\.stay: a master whose/m],
    ['preset: rq, command: rq worker --name=a', /^command: a fixed --name/m],
    ['preset: rq, command: rq worker', /^command: it imports nothing/m],
    [
      'preset: gunicorn, command: x, restart: {overlap: true}, ready: {log: ~, after: 1s}',
      /^restart\.overlap: on a unix/m,
    ],
    ['preset: celery, command: celery worker', /^command: without -n/m],
    ['preset: celery, command: celery worker', /^stop\.quiet: a TERM can lose/m],
    [
      'preset: celery, command: celery worker, ready: {after: 1s}',
      /^ready\.after: it is up after/m,
    ],
    ['preset: delayed_job, command: bin/delayed_job run', /^command: without --identifier/m],
    [
      'preset: delayed_job, command: bin/delayed_job run',
      /^hooks\.lost: the lock of a killed job/m,
    ],
    [
      'preset: resque, command: x, stop: {signal: TERM}',
      /^stop\.signal: TERM and INT kill the job/m,
    ],
    ['preset: puma, command: puma -w 2, busy: {title: x}', /^busy\.title: its title/m],
    [
      'preset: puma, command: puma -w 2, ready: {notify: true}',
      /^ready\.notify: .* sends no READY/m,
    ],
    ['preset: horizon, command: x, count: 2', /^count: one master/m],
    [
      'preset: dramatiq, command: dramatiq a --worker-shutdown-timeout 5000, stop: {timeout: 1m}',
      /^command: it cuts messages 5s after TERM/m,
    ],
    ['preset: rq, command: x', /^note: a second TERM kills/m],
  ])('%s', (keys, words) => {
    expect(trapsIn(keys)).toMatch(words);
  });

  test.each([
    ['preset: sidekiq, command: sidekiq -t3600', /^command/m],
    ['preset: sidekiq, command: sidekiq --timeout 3600, stop: {timeout: 1h}', /^command/m],
    ['preset: gunicorn, command: gunicorn --preload --graceful-timeout 90 app', /^command/m],
    ['preset: rq, command: rq worker -c app default', /^command/m],
    ['preset: celery, command: celery worker -n a@b, stop: {quiet: USR1}', /^(?:command|stop)/m],
    ['preset: delayed_job, command: d --identifier=%i, hooks: {lost: x}', /^(?:command|hooks)/m],
    ['preset: good_job, command: good_job start', /^command/m],
    [
      'preset: good_job, command: good_job start --shutdown-timeout=-1, stop: {timeout: 1h}',
      /^command/m,
    ],
    ['preset: resque, command: x', /^stop/m],
    ['command: sidekiq', /./],
  ])('not with %s', (keys, words) => {
    expect(trapsIn(keys)).not.toMatch(words);
  });

  test('a job that has taken longer than the program gives it must be a trap, too', () => {
    const keys = 'preset: sidekiq, command: sidekiq -t 60';
    expect(trapsIn(keys, 'doctor', 59)).not.toMatch(/^command/m);
    expect(trapsIn(keys, 'doctor', 61)).toMatch(/^command: it gives its jobs 1m/m);
    expect(trapsIn(keys, 'stop', 61)).toMatch(/^command: it gives its jobs 1m/m);
  });

  test('each occasion must have its own', () => {
    expect(trapsIn('preset: celery, command: celery -n a', 'stop')).toBe(
      'note: a second TERM loses the running task, with exit status 0: send none by hand',
    );
    expect(trapsIn('preset: celery, command: celery -n a', 'doctor')).not.toMatch(/second TERM/);
  });
});

test.each([
  ['bundle exec sidekiq -C x.yml', 'sidekiq'],
  ['sh -c "exec /srv/app/venv/bin/celery -A app worker"', 'celery'],
  ['php artisan queue:work', 'laravel'],
  ['/srv/app/bin/jobs', 'solid_queue'],
  ['bin/sidekiq-like', undefined],
  ['node worker.js', undefined],
  ['celery -A app beat', undefined],
  ['rq info', undefined],
  ['bundle exec rake jobs:work', 'delayed_job'],
])('the preset for %s must be %s', (command, name) => {
  expect(presetFor(worker(`workers: {a: {command: ${JSON.stringify(command)}}}`).command)).toBe(
    name,
  );
});

test.each(presetNames)('the command of %s must be known to be its own', (name) => {
  const { programs, command }: Preset = presets[name];
  const words = worker(`workers: {a: {command: ${JSON.stringify(command)}}}`).command;
  expect(presetFor(words)).toBe(programs.length === 0 ? undefined : name);
});

describe.each(presetNames)('the entry of %s', (name) => {
  const preset: Preset = presets[name];

  test('must be in a file of its name', () => {
    const folder = fileURLToPath(new URL('../../src/core/presets/entries', import.meta.url));
    expect(readdirSync(folder)).toContain(`${name}.ts`);
  });

  test('must have sentences that stand by themselves, and name their condition', () => {
    for (const { says, if: condition, at } of preset.traps) {
      expect(says).not.toMatch(/[.\n]$|undefined/);
      expect(says.includes('VALUE')).toBe(condition.kind === 'cuts_jobs');
      expect(at).not.toEqual([]);
      expect(keyOf(condition)).toMatch(/^[a-z_.]+$/);
      expect(conditionWords(condition) === undefined).toBe(condition.kind === 'always');
    }
    expect(preset.source).toMatch(/^https:\/\//);
  });
});
