import { describe, expect, test } from 'vitest';
import { keysFromPreset } from '../../src/config/preset-slots.ts';
import { formatEffective } from '../../src/config/schema/print.ts';
import { parseYaml } from '../../src/config/yaml/document.ts';
import { presetNames, presets } from '../../src/core/presets/table.ts';
import { configIn, scratchFolder } from './scratch.ts';

const { load, worker, problems } = configIn(scratchFolder());

/** A worker of this preset, with these keys. */
const of = (preset: string, keys = '') =>
  `workers: {mail: {command: x, preset: ${preset}${keys === '' ? '' : `, ${keys}`}}}`;

const fromPreset = (text: string): string[] => keysFromPreset(parseYaml(text).root, 'mail');

describe('a preset must', () => {
  test.each(presetNames)('be a valid config: %s', (name) => {
    const { preset, stop } = worker(
      `workers: {mail: {command: ${JSON.stringify(presets[name].command)}, preset: ${name}}}`,
    );
    expect(preset).toBe(name);
    expect(presets[name].keys['stop']).toMatchObject({ signal: stop.signal });
  });

  test('give its values to all keys that are left out', () => {
    expect(worker(of('sidekiq'))).toMatchObject({
      preset: 'sidekiq',
      stop: { signal: 'TERM', quiet: 'TSTP' },
      ready: { kind: 'log', pattern: 'Running in ruby', timeout: 60_000 },
      busyTitle: String.raw`\[([1-9]\d*) of \d+ busy\]`,
    });
  });

  test('be refused if there is none of this name, and say which was meant', () => {
    expect(problems(of('sidekik'))).toEqual([
      '1:38: workers.mail.preset: expected the name of a preset, found "sidekik"; did you mean "sidekiq"?',
    ]);
    expect(problems(of('cron'))[0]).toMatch(/found "cron"; known are delayed_job, celery, /);
    expect(problems(of('3'))[0]).toMatch(/expected the name of a preset, found 3/);
  });

  test('be overridden key by key, and leave the defaults what it does not say', () => {
    const { stop, ready } = worker(
      `{defaults: {ready: {timeout: 5s}, stop: {timeout: 1h}}, ${of('sidekiq', 'stop: {quiet: USR1}')}}`,
    );
    expect(stop).toEqual({ signal: 'TERM', quiet: 'USR1', timeout: 3_600_000 });
    expect(ready).toMatchObject({ kind: 'log', timeout: 5000 });
  });

  test('count where it is named: over the defaults if the worker names it, else below them', () => {
    const keys = 'stop: {signal: INT}, ready: {after: 2s}';
    expect(worker(`{defaults: {${keys}}, ${of('resque')}}`)).toMatchObject({
      stop: { signal: 'QUIT' },
      ready: { after: 5000 },
    });
    expect(
      worker(`{defaults: {preset: resque, ${keys}}, workers: {a: {command: x}}}`),
    ).toMatchObject({
      stop: { signal: 'INT', quiet: 'USR2' },
      ready: { after: 2000 },
    });
    expect(worker(`{defaults: {ready: {file: up}}, ${of('rq')}}`).ready.kind).toBe('log');
  });

  test('give way to a key that cannot be there with it', () => {
    expect(worker(of('celery', 'ready: {after: 9s}')).ready).toEqual({
      kind: 'after',
      after: 9000,
    });
    expect(worker(of('laravel', 'ready: {notify: true}')).ready.kind).toBe('notify');
  });

  test('be named by the defaults, and replaced or taken away by a worker', () => {
    const config = load(
      '{defaults: {preset: sidekiq}, workers: {a: {command: x}, b: {command: x, preset: resque}, c: {command: x, preset: null}}}',
    );
    expect(config.workers.map(({ preset, stop }) => [preset, stop.signal, stop.quiet])).toEqual([
      ['sidekiq', 'TERM', 'TSTP'],
      ['resque', 'QUIT', 'USR2'],
      [undefined, 'TERM', undefined],
    ]);
  });

  test('be kept as the values that it has led to: the config is JSON', () => {
    const config = load(of('bullmq'));
    expect(JSON.parse(JSON.stringify(config))).toStrictEqual(config);
  });
});

describe('a preset must be printed', () => {
  test.each([
    of('sidekiq'),
    of('sidekiq', 'stop: {quiet: null}, busy: ~'),
    of('bullmq', 'stop: {resume: null}, ready: {after: 3s}'),
    of('celery', 'ready: null'),
    '{defaults: {preset: rq}, workers: {mail: {command: x, preset: ~}}}',
  ])('as YAML that loads to the same config: %s', (text) => {
    const config = load(text);
    expect(load(formatEffective(config))).toStrictEqual(config);
  });
});

describe('stop.to: session must be refused', () => {
  test.each([
    ['celery', /with preset celery; its pool processes die of TERM, with their tasks$/],
    ['rq', /its work horse dies of TERM/],
    ['resque', /its child dies of QUIT/],
    ['dramatiq', /a second one kills them/],
    ['sidekiq', /programs that its jobs have started/],
    ['gunicorn', /the master tells its workers itself/],
    ['puma', /the master tells its workers itself/],
  ])('with %s, whose children must not get the signal', (preset, words) => {
    expect(problems(of(preset, 'stop: {to: session}'))).toEqual([expect.stringMatching(words)]);
    expect(problems(`{defaults: {stop: {to: session}}, ${of(preset)}}`)).toHaveLength(1);
  });

  test('with no other', () => {
    expect(worker(of('delayed_job', 'stop: {to: session}')).stop.to).toBe('session');
  });
});

describe('null must', () => {
  test('take away a key of the preset', () => {
    expect(worker(of('sidekiq', 'stop: {quiet: null}, busy: ~')).stop).toEqual({ signal: 'TERM' });
    expect(worker(of('sidekiq', 'busy: {title: null}')).busyTitle).toBeUndefined();
    expect(worker(of('celery', 'ready: null')).ready).toEqual({ kind: 'after', after: 1000 });
    expect(worker(of('rq', 'ready: {log: ~, after: 2s}')).ready).toEqual({
      kind: 'after',
      after: 2000,
    });
  });

  test('take away a key of the defaults', () => {
    const { env, heartbeat } = worker(
      '{defaults: {env: {A: 1, B: 2}, heartbeat: {timeout: 5s}}, workers: {a: {command: x, env: {A: ~}, heartbeat: ~}}}',
    );
    expect(env).toEqual({ B: '2' });
    expect(heartbeat).toBeUndefined();
  });

  test('in the defaults take away a key of their preset', () => {
    const text = '{defaults: {preset: sidekiq, stop: {quiet: ~}}, workers: {a: {command: x}}}';
    expect(worker(text).stop).toEqual({ signal: 'TERM' });
  });

  test('take away what both the preset and the defaults say', () => {
    const text = `{defaults: {stop: {quiet: USR1}}, ${of('sidekiq', 'stop: {quiet: ~}')}}`;
    expect(worker(text).stop).toEqual({ signal: 'TERM' });
  });

  test('be refused if there is nothing to take away', () => {
    expect(problems(of('delayed_job', 'stop: {quiet: null}'))).toEqual([
      expect.stringContaining('workers.mail.stop.quiet: expected one of'),
    ]);
    expect(problems('workers: {a: {command: x, env: {A: ~}}}')).toHaveLength(1);
    expect(problems('{defaults: {stop: {quiet: ~}}, workers: {a: {command: x}}}')).toHaveLength(1);
    expect(problems(of('sidekiq', 'stop: {quiet: }'))).toHaveLength(1);
  });
});

test('it must be known which keys have their value from the preset', () => {
  expect(fromPreset(of('sidekiq'))).toEqual([
    'stop.signal',
    'stop.quiet',
    'ready.log',
    'busy.title',
  ]);
  expect(fromPreset(of('sidekiq', 'ready: {after: 5s}, stop: {quiet: TSTP}'))).toEqual([
    'stop.signal',
    'busy.title',
  ]);
  const named =
    '{defaults: {preset: rq, stop: {signal: INT}}, workers: {mail: {command: x, busy: ~}}}';
  expect(fromPreset(named)).toEqual(['ready.log']);
  expect(fromPreset('workers: {mail: {command: x}}')).toEqual([]);
});
