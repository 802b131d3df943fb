// Bundles the CLI into dist/: cli.cjs, the libraries and the demo that most runs do not need in bundles of their own,
// V8's code cache of each, and the scripts that they run. The same sources give the same JavaScript. The argument, if any,
// names a directory other than dist/.
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = resolve(root, process.argv[2] ?? 'dist');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const sources = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name))
  .sort();

/** Identifies a build by its sources, libraries and version: what one build has cached means nothing to another. */
function buildId() {
  const hash = createHash('sha256');
  for (const file of [...sources, join(root, 'package.json'), join(root, 'package-lock.json')])
    hash.update(`${relative(root, file)}\0`).update(readFileSync(file));
  return `${version} ${hash.digest('hex').slice(0, 16)}`;
}

/** Loaded on first use: each would slow down every run. */
const lazyLibraries = ['execa', 'proper-lockfile', 'yaml', 'yargs'];

mkdirSync(dist, { recursive: true });
const staging = mkdtempSync(join(dist, '.new-'));

const common = {
  absWorkingDir: root,
  bundle: true,
  minify: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  // import() becomes require(), so that a module inside a bundle is evaluated on first use.
  supported: { 'dynamic-import': false },
  legalComments: 'linked',
  logLevel: 'warning',
  // Wrapped as Node wraps a module, because the launcher compiles it. node:url is loaded only if it is needed.
  banner: {
    js: '(function(exports,require,module,__filename,__dirname){const bundle={get url(){return require("node:url").pathToFileURL(__filename).href}};',
  },
  footer: { js: '})' },
  define: {
    'import.meta.url': 'bundle.url',
    VERSION: JSON.stringify(version),
    BUILD: JSON.stringify(buildId()),
  },
};

/** The launcher finds these beside the bundle that asks for them. */
const separate = {
  name: 'separate',
  setup({ onResolve }) {
    onResolve({ filter: /\/demo\/demo\.ts$/ }, ({ kind }) =>
      kind === 'entry-point' ? undefined : { path: './demo.cjs', external: true },
    );
    for (const name of lazyLibraries)
      onResolve({ filter: new RegExp(`^${name}$`) }, () => ({
        path: `./${name}.cjs`,
        external: true,
      }));
  },
};

const bundle = (name, options) =>
  build({ ...common, outfile: join(staging, `${name}.cjs`), ...options });

await bundle('cli', { entryPoints: ['src/main.ts'], plugins: [separate] });
await bundle('demo', { entryPoints: ['src/commands/demo/demo.ts'], plugins: [separate] });
await bundle('execa', { entryPoints: ['execa'] });
await bundle('proper-lockfile', { entryPoints: ['proper-lockfile'] });
// The browser build consists of ES modules, which esbuild puts into one scope.
await bundle('yaml', { entryPoints: [join(root, 'node_modules/yaml/browser/dist/index.js')] });
await bundle('yargs', {
  entryPoints: ['yargs'],
  // Node makes the exports of a CommonJS module the default export; the importers expect that.
  footer: { js: `module.exports=module.exports.default;${common.footer.js}` },
  alias: {
    // string-width loads Intl.Segmenter, which costs more than the rest of yargs; node:assert costs as much again.
    'string-width': join(root, 'src/output/width.ts'),
    assert: join(root, 'src/cli/yargs-shims/assert.ts'),
  },
});

/**
 * Puts an id in front, by which the launcher tells whether a code cache belongs to this very file: V8 compares only the
 * lengths of the sources.
 */
function sign(file) {
  const text = readFileSync(file, 'latin1');
  const id = createHash('sha256').update(text).digest('hex').slice(0, 19);
  writeFileSync(file, `/*${id}*/\n${text}`, 'latin1');
}

for (const name of readdirSync(staging).filter((one) => one.endsWith('.cjs')))
  sign(join(staging, name));
for (const script of sources.filter((file) => /\.(sh|pl|py)$/.test(file)))
  copyFileSync(script, join(staging, basename(script)));
execFileSync(process.execPath, [join(root, '.config/code-cache.cjs'), staging, dist], {
  stdio: ['ignore', 'ignore', 'pipe'],
});

/** Whether another build may be writing into this directory now. */
function isOfAnotherBuild(name) {
  const hourMs = 3_600_000;
  return name.startsWith('.new-') && statSync(join(dist, name)).mtimeMs > Date.now() - hourMs;
}

// Each file is moved into its place, cli.cjs last: a command that starts meanwhile finds the old build or the new one.
const order = (name) => ['cli.cjs.cache', 'cli.cjs'].indexOf(name);
const old = readdirSync(dist).filter(
  (name) => name !== basename(staging) && !isOfAnotherBuild(name),
);
const current = new Set(readdirSync(staging));
for (const name of [...current].sort((a, b) => order(a) - order(b)))
  renameSync(join(staging, name), join(dist, name));
for (const name of [...old, basename(staging)])
  if (!current.has(name)) rmSync(join(dist, name), { recursive: true, force: true });
