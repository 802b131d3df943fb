// Bundles the CLI into dist/. What every run needs is cli.cjs; what is imported lazily is rest-ID.cjs, and shares its
// modules, so that code which most runs do not need costs them nothing. Beside both, V8's code cache; and the scripts
// that they run. A start while this runs finds the old build or the new one, whole: each file is moved into its place.
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
const dist = join(root, 'dist');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Tells this build from those of other sources, libraries or versions: what one has kept is nothing to another. */
function buildId() {
  const hash = createHash('sha256');
  const sources = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  for (const file of [
    ...sources,
    join(root, 'package.json'),
    join(root, 'package-lock.json'),
  ].sort())
    hash.update(`${relative(root, file)}\0`).update(readFileSync(file));
  return `${version} ${hash.digest('hex').slice(0, 16)}`;
}

mkdirSync(dist, { recursive: true });
const made = mkdtempSync(join(dist, '.new-'));

const common = {
  absWorkingDir: root,
  bundle: true,
  minify: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  // import() becomes require(): a lazy part of a bundle is evaluated, or a bundle of its own read, on first use.
  supported: { 'dynamic-import': false },
  legalComments: 'linked',
  logLevel: 'warning',
  // As ES modules, of which only what is used gets into the bundle, in one scope; for Node yaml has CommonJS ones.
  alias: { yaml: join(root, 'node_modules/yaml/browser/dist/index.js') },
  // As Node itself wraps a module: the launcher compiles it. The URL is made when it is asked for: node:url takes time.
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

/** Large parts that most runs do not need. The launcher finds them beside the bundle that asks. */
const apart = {
  name: 'apart',
  setup({ onResolve }) {
    const away = (filter, path) => onResolve({ filter }, () => ({ path, external: true }));
    away(/\/commands\/demo\.ts$/, './demo.cjs');
    away(/^yargs$/, './yargs.cjs');
    away(/^proper-lockfile$/, './proper-lockfile.cjs');
  },
};

/** Too small, and wanted too often, to be worth the other bundle: a terminal wants colours. */
const staysHot = new Set(['src/output/colours.ts']);

const nameOf = (file) => relative(root, file);
const fileAt = ({ path, resolveDir }) => nameOf(resolve(resolveDir, path));
const isOurs = { filter: /^\.\.?\/.*\.ts$/ };

/** In the hot bundle: what is imported lazily is a part of the rest, unless every run needs it for another reason. */
const lazyIsRest = (rest, lazy, hot = new Set()) => ({
  name: 'lazy-is-rest',
  setup({ onResolve, onLoad }) {
    onResolve(isOurs, (args) => {
      const name = fileAt(args);
      if (args.kind !== 'dynamic-import' || staysHot.has(name) || hot.has(name)) return undefined;
      lazy.add(name);
      return { path: name, namespace: 'rest' };
    });
    onLoad({ filter: /.*/, namespace: 'rest' }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(rest)}).parts[${JSON.stringify(path)}]();`,
      resolveDir: root,
    }));
    onResolve({ filter: /^\.\/rest/ }, ({ path }) => ({ path, external: true }));
  },
});

/** In the rest: what the hot bundle has is taken from there, so that no class is there twice. */
const hotIsShared = (hot, exported, shared) => ({
  name: 'hot-is-shared',
  setup({ onResolve, onLoad }) {
    onResolve(isOurs, (args) => {
      const name = fileAt(args);
      if (!hot.has(name)) return undefined;
      shared.add(name);
      return { path: name, namespace: 'hot' };
    });
    onLoad({ filter: /.*/, namespace: 'hot' }, ({ path }) => ({
      contents: [
        `const hot = require("./cli.cjs").shared[${JSON.stringify(path)}]();`,
        ...exported
          .get(path)
          .map((name, at) => `const m${at} = hot.${name};\nexport { m${at} as ${name} };`),
      ].join('\n'),
      resolveDir: root,
    }));
    onResolve({ filter: /^\.\/cli\.cjs$/ }, ({ path }) => ({ path, external: true }));
  },
});

const virtual = (contents) => ({ contents, resolveDir: root, loader: 'ts' });
const entry = "export { main, run } from './src/cli.ts';";

/** Which of our modules every run needs, and which of the others it asks for lazily. */
async function survey() {
  const lazy = new Set();
  const { metafile } = await build({
    ...common,
    stdin: virtual(entry),
    plugins: [apart, lazyIsRest('./rest.cjs', lazy)],
    outdir: 'unused',
    write: false,
    metafile: true,
  });
  const hot = Object.keys(metafile.inputs).filter((name) => name.startsWith('src/'));
  return { hot: new Set(hot), lazy };
}

const listed = (names, lineOf) => `{${names.map(lineOf).join(',\n')}}`;

/** @returns the modules of the hot bundle that the rest needs */
async function buildRest({ hot, lazy }, exported, outfile) {
  const shared = new Set();
  const parts = listed([...lazy], (name) => `'${name}': () => require('./${name}')`);
  await build({
    ...common,
    stdin: virtual(`export const parts = ${parts};`),
    outfile,
    plugins: [apart, hotIsShared(hot, exported, shared)],
  });
  return shared;
}

/** What each of these modules exports. */
async function exportsOf(names) {
  const { metafile } = await build({
    entryPoints: names,
    absWorkingDir: root,
    format: 'esm',
    outdir: 'unused',
    write: false,
    metafile: true,
  });
  const outputs = Object.values(metafile.outputs);
  return new Map(outputs.map(({ entryPoint, exports }) => [entryPoint, exports]));
}

async function buildHot({ hot, shared, rest, exported }, outfile) {
  const modules = [...shared].map((name, at) => ({
    name,
    members: exported.get(name).map((member) => [member, `m${at}_${member}`]),
  }));
  const imports = modules.map(({ name, members }) => {
    const names = members.map(([member, alias]) => `${member} as ${alias}`);
    return `import { ${names.join(', ')} } from './${name}';`;
  });
  const tables = listed(modules, ({ name, members }) => {
    const entries = members.map(([member, alias]) => `${member}: ${alias}`);
    return `'${name}': () => ({${entries.join(', ')}})`;
  });
  await build({
    ...common,
    stdin: virtual(`${entry}\n${imports.join('\n')}\nexport const shared = ${tables};`),
    outfile,
    plugins: [apart, lazyIsRest(rest, new Set(), hot)],
  });
}

/**
 * Puts an id in front, by which the launcher tells whether a code cache is of this very file: V8 compares the lengths
 * of the sources only.
 */
function sign(file) {
  const text = readFileSync(file, 'latin1');
  const id = createHash('sha256').update(text).digest('hex').slice(0, 19);
  writeFileSync(file, `/*${id}*/\n${text}`, 'latin1');
  return id;
}

const found = await survey();
const unnamed = join(made, 'rest.cjs');
const exported = await exportsOf([...found.hot]);
const shared = await buildRest(found, exported, unnamed);
const rest = `rest-${sign(unnamed)}.cjs`;
renameSync(unnamed, join(made, rest));
await buildHot({ hot: found.hot, shared, rest: `./${rest}`, exported }, join(made, 'cli.cjs'));

await build({
  ...common,
  entryPoints: ['yargs'],
  outfile: join(made, 'yargs.cjs'),
  // As Node gives a CommonJS module to an ES one: its exports are the default.
  footer: { js: `module.exports=module.exports.default;${common.footer.js}` },
  alias: {
    // yargs lays its help out with string-width, whose Intl.Segmenter costs more than the rest of yargs, and loads
    // node:assert, which costs as much again, for two checks.
    'string-width': join(root, 'src/output/width.ts'),
    assert: join(root, 'src/cli/assert.ts'),
  },
});
await build({ ...common, entryPoints: ['src/commands/demo.ts'], outfile: join(made, 'demo.cjs') });
await build({
  ...common,
  entryPoints: ['proper-lockfile'],
  outfile: join(made, 'proper-lockfile.cjs'),
});
for (const name of ['cli.cjs', 'yargs.cjs', 'demo.cjs', 'proper-lockfile.cjs'])
  sign(join(made, name));
for (const script of ['shim.sh', 'logger.sh', 'signal.sh', 'notify.pl', 'notify.py'])
  copyFileSync(join(root, 'src/os', script), join(made, script));
execFileSync(process.execPath, [join(root, '.config/code-cache.cjs'), made, dist], {
  stdio: ['ignore', 'ignore', 'pipe'],
});

// cli.cjs goes last: what it asks for is there by then. The rest of the build before stays: whoever was started
// a moment ago may ask for it yet.
const before = readdirSync(dist).filter((name) => name !== basename(made) && !isOfAnother(name));
const current = new Set([...readdirSync(made), ...restOf(join(dist, 'cli.cjs'))]);
for (const name of readdirSync(made).sort((a, b) => rank(a) - rank(b)))
  renameSync(join(made, name), join(dist, name));
for (const name of [...before, basename(made)])
  if (!current.has(name)) rmSync(join(dist, name), { recursive: true, force: true });

/** Whether somebody else may be building into this folder just now. */
function isOfAnother(name) {
  const hourMs = 3_600_000;
  return name.startsWith('.new-') && statSync(join(dist, name)).mtimeMs > Date.now() - hourMs;
}

function rank(name) {
  return ['cli.cjs.cache', 'cli.cjs'].indexOf(name);
}

/** The files that a bundle of an earlier build asks for. */
function restOf(file) {
  try {
    const [name] = /rest-[0-9a-f]{19}\.cjs/.exec(readFileSync(file, 'latin1')) ?? [];
    return name === undefined ? [] : [name, `${name}.cache`];
  } catch {
    return [];
  }
}
