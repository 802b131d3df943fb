// Bundles the CLI into dist/: one CommonJS file (lazy parts are evaluated on first use), its V8 code cache,
// and the shell scripts that it runs.
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'dist');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

mkdirSync(dist, { recursive: true });
// First: V8 tells an old cache by the length of its source only.
rmSync(join(dist, 'cli.cjs.cache'), { force: true });

const common = {
  absWorkingDir: root,
  bundle: true,
  minify: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  // import() becomes require(): a lazy part of the bundle is evaluated, or a bundle of its own read, on first use.
  supported: { 'dynamic-import': false },
  legalComments: 'linked',
  logLevel: 'warning',
  // As ES modules, of which only what is used gets into the bundle, in one scope; for Node yaml has CommonJS ones.
  alias: { yaml: join(root, 'node_modules/yaml/browser/dist/index.js') },
  // Made when it is asked for: node:url costs a quarter of a millisecond.
  banner: {
    js: 'const bundle={get url(){return require("node:url").pathToFileURL(__filename).href}};',
  },
  define: { 'import.meta.url': 'bundle.url', VERSION: JSON.stringify(version) },
};

/** Large parts that most runs do not need: kept out of the CLI's bundle, which is read and compiled on every start. */
const apart = {
  name: 'apart',
  setup({ onResolve }) {
    onResolve({ filter: /\/commands\/demo\.ts$/ }, () => ({
      path: '../dist/demo.cjs',
      external: true,
    }));
    onResolve({ filter: /^yargs$/ }, () => ({ path: '../dist/yargs.cjs', external: true }));
    onResolve({ filter: /^proper-lockfile$/ }, () => ({
      path: '../dist/proper-lockfile.cjs',
      external: true,
    }));
  },
};

await build({
  ...common,
  entryPoints: ['src/cli.ts'],
  outfile: join(dist, 'cli.cjs'),
  plugins: [apart],
  // As Node itself wraps a module: the launcher compiles it.
  banner: {
    js: `(function(exports,require,module,__filename,__dirname){${common.banner.js}`,
  },
  footer: { js: '})' },
});
await build({
  ...common,
  entryPoints: ['yargs'],
  outfile: join(dist, 'yargs.cjs'),
  // As Node gives a CommonJS module to an ES one: its exports are the default.
  footer: { js: 'module.exports=module.exports.default;' },
  alias: {
    ...common.alias,
    // yargs lays its help out with string-width, whose Intl.Segmenter costs more than the rest of yargs, and loads
    // node:assert, which costs as much again, for two checks.
    'string-width': join(root, 'src/output/width.ts'),
    assert: join(root, 'src/cli/assert.ts'),
  },
});
await build({ ...common, entryPoints: ['src/commands/demo.ts'], outfile: join(dist, 'demo.cjs') });
await build({
  ...common,
  entryPoints: ['proper-lockfile'],
  outfile: join(dist, 'proper-lockfile.cjs'),
});
for (const script of ['shim.sh', 'signal.sh', 'notify.pl', 'notify.py'])
  copyFileSync(join(root, 'src/os', script), join(dist, script));
execFileSync(process.execPath, [join(root, '.config/code-cache.cjs')], {
  stdio: ['ignore', 'ignore', 'inherit'],
});
