// npm run test:nodes: the unit tests, a smoke of the end-to-end tests and the bench on each supported major version of
// Node.js, which npm installs on demand into a cache outside of the tree.
//
//   npm run test:nodes [-- 24 26] [unit] [smoke] [bench]
//
// Without a version on all, without the name of a suite all of them.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const cache = process.env.WORKERCTL_TEST_CACHE ?? join(homedir(), '.cache/workerctl-test');

/** The oldest that workerctl supports, and the newest of the others. */
const versions = { 20: '20.19.0', 22: '22', 24: '24', 26: '26' };

const vitest = (...words) => [
  join(root, 'node_modules/vitest/vitest.mjs'),
  ...['run', '--config', join(root, '.config/vitest.config.ts'), ...words],
];

/**
 * What differs between versions of Node.js: the launcher and V8's caches, processes, files, sockets, directory watches, and
 * how V8 matches patterns.
 */
const suites = {
  unit: vitest('--project', 'unit', '--project', 'host'),
  smoke: vitest(
    ...['--project', 'unit', 'test/launcher.test.ts'],
    ...['--project', 'host', 'test/host/process/compile-pattern.test.ts', '--project', 'e2e'],
    ...['start', 'restart', 'control-socket', 'logs'].map((name) => `test/e2e/${name}.test.ts`),
  ),
  bench: [join(root, 'test/bench/bench.mjs'), '--quick', '--only', 'commands'],
};

/** The path of this version; one of them may be the one that runs us. */
function nodeOf(major) {
  const name = `node-linux-${process.arch}`;
  const folder = join(cache, 'nodes', versions[major]);
  const node = join(folder, 'node_modules', name, 'bin/node');
  if (existsSync(node)) return node;
  mkdirSync(folder, { recursive: true });
  const words = ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', '--silent'];
  const { status } = spawnSync('npm', [...words, `${name}@${versions[major]}`], {
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error(`${name}@${versions[major]}: npm cannot install it`);
  return node;
}

/** Programs that are run by the name `node` are run with the same version. */
function passes(node, words) {
  const PATH = `${dirname(node)}${delimiter}${process.env.PATH}`;
  const env = { ...process.env, PATH };
  return spawnSync(node, words, { cwd: root, env, stdio: 'inherit' }).status === 0;
}

const asked = process.argv.slice(2);
const unknown = asked.filter((word) => !(word in versions) && !(word in suites));
if (unknown.length > 0) {
  const known = [...Object.keys(versions), ...Object.keys(suites)].join(', ');
  process.stderr.write(`expected some of ${known}, found ${unknown.join(', ')}\n`);
  process.exit(64);
}
const chosen = (all) => {
  const some = Object.keys(all).filter((name) => asked.includes(name));
  return some.length === 0 ? Object.keys(all) : some;
};
const failed = [];
for (const major of chosen(versions))
  for (const suite of chosen(suites)) {
    process.stdout.write(`\n== Node.js ${versions[major]}: ${suite}\n`);
    if (!passes(nodeOf(major), suites[suite])) failed.push(`${suite} on ${versions[major]}`);
  }
process.stdout.write(failed.length === 0 ? '\nall passed\n' : `\nfailed: ${failed.join(', ')}\n`);
process.exitCode = failed.length === 0 ? 0 : 1;
