import fc from 'fast-check';
import { expect, test } from 'vitest';
import { effectiveConfig, formatEffective } from '../../../src/config/schema/print.ts';
import { quietSignals, stopSignals } from '../../../src/core/model/config.ts';
import { configIn, scratchFolder } from '../scratch.ts';

const { load } = configIn(scratchFolder());

test('the config in force must have the keys of the file and every default', () => {
  const config = load('workers: {a: {command: x y, ready: {after: 90s}, limits: {as: unlimited}}}');
  const folder = config.workers[0]?.directory ?? '';
  expect(effectiveConfig(config)).toEqual({
    state_dir: `${folder}/.workerctl`,
    workers: {
      a: {
        command: ['x', 'y'],
        count: 1,
        directory: folder,
        env: {},
        env_files: [],
        pass_env: [],
        pidfile: `${folder}/.workerctl/%n.pid`,
        log: { file: `${folder}/log/%n.log` },
        no_new_privs: false,
        umask: '022',
        nice: 0,
        oom_score_adj: 0,
        limits: { nofile: 1024, as: 'unlimited' },
        ready: { after: '90s' },
        stop: { signal: 'TERM', timeout: 'never', to: 'process', leftovers: 'report' },
        restart: {
          canary: 1,
          batch: '100%',
          patience: '30s',
          overlap: false,
          max_extra: 1,
          on_failure: 'abort',
          finisher: true,
        },
        max_count: 500,
        max_extension: '1h',
        on_exit: 'always',
        success_codes: [0],
        backoff: { initial: '1s', max: '5m', reset: '10m', min_run: '10s' },
        lost_grace: '10s',
        hooks: { drain_long: { after: '30m' }, timeout: '30s' },
      },
    },
  });
});

test('values that are not the default must be printed as they are written', () => {
  const written = {
    release: { command: ['git', 'log', '--format=%%h'] },
    workers: {
      a: {
        command: ['x'],
        ready: { command: ['bin/up', '%i'], timeout: '2m' },
        stop: { signal: 'INT', quiet: 'TSTP', resume: 'CONT', timeout: '90s' },
        restart: {
          canary: 0,
          batch: 3,
          patience: '0ms',
          overlap: true,
          max_extra: 2,
          on_failure: 'abort',
          finisher: true,
        },
        busy: { title: 'busy (.*)' },
        heartbeat: { timeout: '90s', dump: 'QUIT', grace: '3s' },
        user: 'deploy',
        group: '33',
        no_new_privs: true,
        max_count: 4,
        backoff: { initial: '250ms', max: '1h', reset: '0ms' },
        recycle: { memory: '512MB', age: '168h', outdated: true, min_age: '90s' },
        lost_grace: '1500ms',
        hooks: {
          lost: ['free', '%i'],
          died: ['tell', '%n'],
          rollout: ['tell', '%p'],
          drain_long: { command: ['page'], after: '2h' },
          timeout: '5s',
        },
      },
    },
  };
  expect(effectiveConfig(load(JSON.stringify(written)))).toMatchObject(written);
});

const name = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_-]{0,8}$/).filter((s) => s !== '__proto__');
const text = fc
  .string({ unit: 'binary' })
  .map((s) => s.replace(/[\0\uFFFE\uFFFF]/g, '').replace(/%/g, '%%'));
const path = fc.stringMatching(/^[a-z0-9 #:'"-]{1,6}$/).map((s) => `p/${s}`);

/** A path that no two instances share, outside of the state directory. */
const ownPath = path.map((s) => `own/${s}/%n`);
const size = fc.oneof(fc.nat(), fc.constantFrom('512MB', '1.5GiB', 'unlimited'));
const length = fc.constantFrom('1s', '90s', '1.5m', '250ms', '2h');
const regexp = fc.constantFrom('^ready$', String.raw`busy (\d+)% [#:"']`, '%i', ' x ');
const section = {
  env: fc.dictionary(
    fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,5}$/).filter((s) => s !== '__proto__'),
    text,
  ),
  directory: path,
  env_files: fc.array(path),
  pass_env: fc.array(fc.constantFrom('LANG', 'SSH_AUTH_SOCK')),
  umask: fc.constantFrom('000', '0027', '777', '022'),
  nice: fc.integer({ min: -20, max: 19 }),
  oom_score_adj: fc.integer({ min: -1000, max: 1000 }),
  log: fc.oneof(
    fc.record({ file: ownPath }, { requiredKeys: [] }),
    fc.record({
      max_size: fc.constantFrom('64KB', '1.5GB', 70_000),
      keep: fc.integer({ min: 1, max: 1000 }),
    }),
  ),
  limits: fc.record(
    {
      ...{ nofile: fc.nat(), nproc: fc.nat(), core: size, as: size },
      memory_max: fc.integer({ min: 2 ** 45, max: 2 ** 50 }),
      cpu: fc.integer({ min: 1, max: 1_000_000 }).map((hundredths) => hundredths / 100),
    },
    { requiredKeys: [] },
  ),
  ready: fc.oneof(
    fc.record({ after: fc.oneof(fc.constant('0s'), length) }),
    fc.record({ log: regexp, timeout: length }),
    fc.record({ file: ownPath }),
    fc.record({ command: fc.tuple(fc.constant('x'), text), timeout: length }),
  ),
  stop: fc
    .record({
      signal: fc.constantFrom(...stopSignals),
      quiet: fc.constantFrom(...quietSignals),
      resume: fc.oneof(
        fc.constantFrom(...quietSignals),
        fc.record({ command: fc.tuple(fc.constant('x'), text), timeout: length }),
      ),
      timeout: fc.oneof(fc.constant('never'), length),
    })
    .chain((keys) => fc.constantFrom(keys, { signal: keys.signal }, { quiet: keys.quiet })),
  restart: fc.record(
    {
      canary: fc.constantFrom(0, 1),
      batch: fc.oneof(
        fc.integer({ min: 1 }),
        fc.integer({ min: 1, max: 100 }).map((part) => `${part}%`),
      ),
      patience: length,
      // With ready.log it would be an error; the test above has it.
      overlap: fc.constant(false),
      max_extra: fc.integer({ min: 1, max: 500 }),
    },
    { requiredKeys: [] },
  ),
  busy: fc.record({ title: regexp }),
  heartbeat: fc.record(
    {
      timeout: fc.constantFrom('1s', '90s'),
      dump: fc.constantFrom('QUIT', 'SIGUSR1'),
      grace: fc.constantFrom('0s', '2s'),
    },
    { requiredKeys: ['timeout'] },
  ),
  max_count: fc.integer({ min: 5, max: 10_000 }),
  backoff: fc.record({
    initial: fc.constantFrom('1ms', '1.5s', '1m'),
    max: fc.constant('1m'),
    reset: fc.constantFrom('0s', '1h'),
  }),
  recycle: fc.record(
    {
      memory: fc.constantFrom('unlimited', 1, '1.5KB', '512MB', '1025MB'),
      age: fc.constantFrom('never', '1ms', '7d', '365d'),
      outdated: fc.boolean(),
      min_age: fc.constantFrom('0s', '1m'),
    },
    { requiredKeys: [] },
  ),
  lost_grace: fc.constantFrom('0s', '1.5s', '1m'),
  hooks: fc.record(
    {
      lost: fc.tuple(fc.constant('x'), text).map((words) => [...words]),
      timeout: fc.constantFrom('1s', '2m'),
    },
    { requiredKeys: [] },
  ),
};
const many = fc.oneof(
  fc.record({ count: fc.nat({ max: 5 }) }),
  fc.record({ identifiers: fc.uniqueArray(name, { maxLength: 4 }) }),
);
const worker = fc
  .tuple(
    fc.record(
      { command: fc.tuple(fc.constant('x'), text).map((words) => [...words]), ...section },
      { requiredKeys: ['command'] },
    ),
    many,
  )
  .map(([keys, howMany]) => ({ ...keys, ...howMany }));
const file = fc.record(
  {
    state_dir: path,
    log_dir: path,
    release: fc.oneof(
      fc.record({ file: path.map((s) => `${s}%%`) }),
      fc.record({ command: fc.tuple(fc.constant('x'), text) }),
    ),
    defaults: fc.record(section, { requiredKeys: [] }),
    workers: fc.dictionary(name, worker, { minKeys: 1, maxKeys: 4 }),
  },
  { requiredKeys: ['workers'] },
);

test('every config must be JSON, so that it can be kept', () => {
  fc.assert(
    fc.property(file, (written) => {
      const config = load(JSON.stringify(written));
      expect(JSON.parse(JSON.stringify(config))).toStrictEqual(config);
    }),
    { numRuns: 200 },
  );
});

test('every config must print as YAML that loads to the same config', () => {
  fc.assert(
    fc.property(file, (written) => {
      const config = load(JSON.stringify(written));
      expect(load(formatEffective(config))).toStrictEqual(config);
    }),
    { numRuns: 200 },
  );
});
