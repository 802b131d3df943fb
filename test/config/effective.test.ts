import fc from 'fast-check';
import { expect, test } from 'vitest';
import { effectiveConfig, formatEffective } from '../../src/config/effective.ts';
import { stopSignals } from '../../src/core/worker.ts';
import { configIn, scratchFolder } from './scratch.ts';

const { load } = configIn(scratchFolder());

test('the effective config is in the words of the file, with every default', () => {
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
        umask: '022',
        nice: 0,
        oom_score_adj: 0,
        limits: { nofile: 1024, as: 'unlimited' },
        stop: { signal: 'TERM' },
        ready: { after: '90s' },
      },
    },
  });
});

const name = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_-]{0,8}$/).filter((s) => s !== '__proto__');
const text = fc
  .string({ unit: 'binary' })
  .map((s) => s.replace(/[\0\uFFFE\uFFFF]/g, '').replace(/%/g, '%%'));
const path = fc.stringMatching(/^[a-z0-9 #:'"-]{1,6}$/).map((s) => `p/${s}`);
const size = fc.oneof(fc.nat(), fc.constantFrom('512MB', '1.5GiB', 'unlimited'));
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
  log: fc.record({ file: path }, { requiredKeys: [] }),
  limits: fc.record(
    { nofile: fc.nat(), nproc: fc.nat(), core: size, as: size },
    { requiredKeys: [] },
  ),
  stop: fc.record({ signal: fc.constantFrom(...stopSignals) }),
  ready: fc.record({ after: fc.constantFrom('0s', '1s', '90s', '1.5m', '250ms', '2h') }),
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
    defaults: fc.record(section, { requiredKeys: [] }),
    workers: fc.dictionary(name, worker, { minKeys: 1, maxKeys: 4 }),
  },
  { requiredKeys: ['workers'] },
);

test('whatever loads, prints as YAML that loads to the same', () => {
  fc.assert(
    fc.property(file, (written) => {
      const config = load(JSON.stringify(written));
      expect(load(formatEffective(config))).toEqual(config);
    }),
    { numRuns: 200 },
  );
});
