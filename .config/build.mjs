// Bundles the CLI into dist/: what status and bootcheck need as cli.cjs, all other commands as rest-ID.cjs,
// libraries in bundles of their own; the scripts that they run, the manual page, licences. The same sources
// give the same JavaScript. The argument, if any, names a directory other than dist/.
import { build, transform } from 'esbuild';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gitOf } from './git.mjs';
import { billOfMaterials, licenceTexts, licencesOf } from './licences.mjs';

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

const wrapper = {
  // Wrapped as Node wraps a module, because the launcher compiles it. node:url is loaded only if it is needed.
  banner:
    '(function(exports,require,module,__filename,__dirname){const bundle={get url(){return require("node:url").pathToFileURL(__filename).href}};',
  footer: '})',
};

const options = {
  absWorkingDir: root,
  bundle: true,
  minify: true,
  platform: 'node',
  target: 'node20',
  // import() becomes require(), so that a module inside a bundle is evaluated on first use.
  supported: { 'dynamic-import': false },
  legalComments: 'none',
  logLevel: 'warning',
  define: {
    'import.meta.url': 'bundle.url',
    VERSION: JSON.stringify(version),
    BUILD: JSON.stringify(buildId()),
  },
};

/** What runs in a browser: one that knows what was new in 2022. */
const browserOptions = {
  absWorkingDir: root,
  bundle: true,
  minify: true,
  format: 'iife',
  target: ['chrome105', 'firefox110', 'safari15.4'],
  legalComments: 'none',
  logLevel: 'warning',
};

/** The launcher finds these beside the bundle that asks for them. */
const separate = {
  name: 'separate',
  setup({ onResolve }) {
    onResolve({ filter: /^workerctl-page$/ }, () => ({ path: './page.cjs', external: true }));
    for (const name of lazyLibraries)
      onResolve({ filter: new RegExp(`^${name}$`) }, () => ({
        path: `./${name}.cjs`,
        external: true,
      }));
  },
};

/** import() becomes require(), so that a module inside a bundle is evaluated on first use. */
const plain = { target: 'node20', supported: { 'dynamic-import': false } };

/** The files of which the bundles consist. */
const contents = new Set();

async function bundle(name, own) {
  const { metafile } = await build({
    ...options,
    metafile: true,
    format: 'cjs',
    outfile: join(staging, `${name}.cjs`),
    banner: { js: wrapper.banner },
    footer: { js: wrapper.footer },
    ...own,
  });
  for (const file of Object.keys(metafile.inputs)) contents.add(file);
}

/**
 * Modules of Node are loaded when the module of ours that imports them is evaluated. As ES modules all would come first,
 * needed or not; those that Node has loaded by itself cost nothing there.
 */
const lateBuiltins = {
  name: 'late-builtins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path, namespace }) => {
      if (['node:fs', 'node:os', 'node:path', 'node:util'].includes(path)) return undefined;
      return namespace === 'late' ? { path, external: true } : { path, namespace: 'late' };
    });
    onLoad({ filter: /.*/, namespace: 'late' }, ({ path }) => ({
      contents: `module.exports = require('${path}');`,
    }));
  },
};

/** What is imported lazily and yet needed by most runs of status and bootcheck. A terminal gets colours. */
const oftenNeeded = [
  'src/commands/status.ts',
  'src/commands/bootcheck.ts',
  'src/output/colours.ts',
];

const isOurs = { filter: /^\.\.?\/.*\.ts$/ };

/** Calls `answer` with the name of each module of ours that is imported lazily. */
const lazily = (answer) => ({
  name: 'lazily',
  setup({ onResolve, onLoad }) {
    onResolve(isOurs, ({ path, resolveDir, kind, namespace }) => {
      if (namespace === 'entry') return undefined;
      return kind === 'require-call'
        ? answer(relative(root, resolve(resolveDir, path)))
        : undefined;
    });
    // Code splitting would make a file of each module that is imported lazily.
    onLoad({ filter: /\/src\/.*\.ts$/ }, async ({ path }) => ({
      contents: (await transform(readFileSync(path, 'utf8'), { ...plain, loader: 'ts' })).code,
    }));
    onLoad({ filter: /.*/, namespace: 'rest' }, ({ path }) => ({
      contents: `module.exports = require('./rest.cjs').parts[${JSON.stringify(path)}]();`,
    }));
    onResolve({ filter: /^\.\/rest\.cjs$/ }, ({ path }) => ({ path, external: true }));
  },
});

/** The modules that most runs need, and those of the others that any module imports lazily. */
async function survey() {
  const entry = { ...options, entryPoints: ['src/main.ts'], outdir: 'unused', write: false };
  const often = new Set(oftenNeeded);
  const { metafile } = await build({
    ...entry,
    format: 'cjs',
    metafile: true,
    plugins: [
      separate,
      lazily((name) => (often.has(name) ? undefined : { path: name, external: true })),
    ],
  });
  const hot = new Set(Object.keys(metafile.inputs));
  const lazy = new Set();
  const note = (name) => {
    if (!hot.has(name)) lazy.add(name);
  };
  await build({ ...entry, format: 'cjs', plugins: [separate, lazily(note)] });
  return { hot, lazy: [...lazy].sort() };
}

/** The commands, in two files: what most runs need, and the rest, which takes what it shares with the first from there. */
async function bundleCommands() {
  const { hot, lazy } = await survey();
  const parts = lazy.map((name) => `'${name}': () => require('./${name}')`).join(',\n');
  const restEntry = {
    name: 'rest-entry',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^rest$/ }, () => ({ path: 'rest', namespace: 'entry' }));
      onLoad({ filter: /.*/, namespace: 'entry' }, () => ({
        contents: `export * from './src/main.ts';\nexport const parts = {${parts}};`,
        resolveDir: root,
      }));
    },
  };
  const { outputFiles, metafile } = await build({
    ...options,
    metafile: true,
    entryPoints: { main: 'src/main.ts', rest: 'rest' },
    format: 'esm',
    splitting: true,
    chunkNames: 'hot',
    outdir: staging,
    write: false,
    plugins: [
      separate,
      lateBuiltins,
      restEntry,
      lazily((name) => (hot.has(name) ? undefined : { path: name, namespace: 'rest' })),
    ],
  });
  for (const file of Object.keys(metafile.inputs)) contents.add(file);
  const texts = new Map(outputFiles.map(({ path, text }) => [basename(path, '.js'), text]));
  const id = createHash('sha256')
    .update([...texts.values()].join('\0'))
    .digest('hex')
    .slice(0, 12);
  const write = async (name, text) => {
    const { code } = await transform(text, { ...plain, format: 'cjs', minify: true });
    const named = directCalls(code)
      .replaceAll('"./rest.cjs"', `"./rest-${id}.cjs"`)
      .replace('require("./hot.js")', 'require("./cli.cjs").shared()');
    writeFileSync(join(staging, name), `${wrapper.banner}${named}${wrapper.footer}`);
  };
  await write('cli.cjs', exportLazily(texts.get('hot'), texts.get('main')));
  await write(`rest-${id}.cjs`, texts.get('rest'));
}

/** `t.f()` for `(0, t.f)()`, of which there are thousands: no function of ours that is shared asks for its `this`. */
const directCalls = (code) =>
  code.replace(/(.)\(0,(t\.[\w$]+)\)(?=[(`])/g, (_, before, name) =>
    /[\w$]/.test(before) ? `${before} ${name}` : `${before}${name}`,
  );

/** `a as b` of a list of imports or exports, as pairs. */
const pairsIn = (list) => list.split(',').map((each) => each.split(' as '));

/**
 * What the first file exports: the program, and hundreds of names for the rest, made only if the rest asks for them: that
 * takes longer than most of a run. Variables are assigned when their module is evaluated, hence getters.
 */
function exportLazily(hot, main) {
  const [whole, list] = /export\{([^}]*)\};\s*$/.exec(hot);
  const [, imported] = /import\{([^}]*)\}from"\.\/hot\.js"/.exec(main);
  const [, exported] = /export\{([^}]*)\};\s*$/.exec(main);
  const localOf = new Map(pairsIn(list).map(([local, alias]) => [alias ?? local, local]));
  const aliasOf = new Map(pairsIn(imported).map(([alias, name]) => [name ?? alias, alias]));
  const program = pairsIn(exported).map(
    ([name, own]) => `exports.${own}=${localOf.get(aliasOf.get(name))};`,
  );
  const getters = [...localOf].map(([alias, local]) => `get ${alias}(){return ${local}}`);
  const exporting = `${program.join('')}exports.shared=()=>({${getters.join(',')}});`;
  return hot.replace(whole, () => exporting); // minified names may be $$, which has a meaning in a text
}

await bundleCommands();
// What browsers load, and what renders the same on this side.
const page = await build({
  ...browserOptions,
  metafile: true,
  entryPoints: { page: 'src/page/client.tsx' },
  outdir: staging,
});
for (const file of Object.keys(page.metafile.inputs)) contents.add(file);
await build({ ...browserOptions, entryPoints: ['src/page/page.css'], outdir: staging });
await bundle('page', { entryPoints: ['src/page/render.tsx'] });
await bundle('execa', { entryPoints: ['execa'] });
await bundle('proper-lockfile', { entryPoints: ['proper-lockfile'] });
// The browser build consists of ES modules, which esbuild puts into one scope.
await bundle('yaml', { entryPoints: [join(root, 'node_modules/yaml/browser/dist/index.js')] });
await bundle('yargs', {
  entryPoints: ['yargs'],
  // Node makes the exports of a CommonJS module the default export; the importers expect that.
  footer: { js: `module.exports=module.exports.default;${wrapper.footer}` },
  alias: {
    // string-width loads Intl.Segmenter, which costs more than the rest of yargs; node:assert costs as much again.
    'string-width': join(root, 'src/output/width.ts'),
    assert: join(root, 'src/cli/yargs-shims/assert.ts'),
  },
});

/**
 * Puts an id in front, by which the launcher tells whether what V8 has compiled belongs to this very file: V8 compares only
 * the lengths of the sources.
 */
function sign(file) {
  const text = readFileSync(file, 'latin1');
  const id = createHash('sha256').update(text).digest('hex').slice(0, 19);
  writeFileSync(file, `/*${id}*/\n${text}`, 'latin1');
}

for (const name of readdirSync(staging).filter((one) => one.endsWith('.cjs')))
  sign(join(staging, name));

/** Without comments and indentation in shell and Perl: a shell reads them at each start. None is within quotes. */
function copyScript(from, to) {
  const isRead = /\.(sh|pl)$/.test(from);
  if (!isRead) return copyFileSync(from, to);
  const [first, ...lines] = readFileSync(from, 'utf8').split('\n');
  const kept = lines.filter((line) => !/^\s*#(\s|$)/.test(line)).map((line) => line.trimStart());
  writeFileSync(to, [first, ...kept].join('\n'), { mode: statSync(from).mode & 0o777 });
}

for (const script of sources.filter((file) => /\.(sh|pl|py|bash|zsh|fish)$/.test(file)))
  copyScript(script, join(staging, basename(script)));

/** Whether another build may be writing into this directory now. */
function isOfAnotherBuild(name) {
  const hourMs = 3_600_000;
  return name.startsWith('.new-') && statSync(join(dist, name)).mtimeMs > Date.now() - hourMs;
}

/** The files that the previous build's cli.cjs asks for: a command that was started a moment ago needs them. */
function filesOfPrevious() {
  const file = join(dist, 'cli.cjs');
  const text = existsSync(file) ? readFileSync(file, 'latin1') : '';
  const names = text.match(/\brest-[0-9a-f]{12}\.cjs/g) ?? [];
  return names;
}

/** The manual page, from the table of commands. */
async function writeManual() {
  const outfile = join(staging, 'manual.cjs');
  const contents = `export { commands } from './src/commands/table.ts'; export { manPage } from './src/cli/man-page.ts';`;
  await build({
    ...options,
    format: 'cjs',
    stdin: { contents, resolveDir: root, loader: 'ts' },
    define: { ...options.define, 'import.meta.url': '""' },
    external: ['workerctl-page'],
    outfile,
  });
  const { commands, manPage } = createRequire(import.meta.url)(outfile);
  writeFileSync(join(staging, 'workerctl.1'), await manPage(commands, version));
  rmSync(outfile);
}

await writeManual();

/** What must be passed on with the bundles. */
function writeLicences() {
  const packages = licencesOf(root, contents);
  const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const bill = JSON.stringify(billOfMaterials(packages, own));
  writeFileSync(join(staging, 'THIRD-PARTY-LICENCES.txt'), licenceTexts(packages));
  writeFileSync(join(staging, 'sbom.cdx.json'), `${bill}\n`);
}

writeLicences();

const built = gitOf(root, 'describe', '--always', '--dirty', '--abbrev=12', '--exclude=*');
if (built !== undefined) writeFileSync(join(staging, 'commit'), `${built}\n`);

// Each file is moved into its place, cli.cjs last: a command that starts meanwhile finds the old build or the new one.
const order = (name) => (name === 'cli.cjs' ? 1 : 0);
const old = readdirSync(dist).filter(
  (name) => name !== basename(staging) && !isOfAnotherBuild(name),
);
const current = readdirSync(staging);
const kept = new Set([...current, ...filesOfPrevious()]);
for (const name of current.sort((a, b) => order(a) - order(b)))
  renameSync(join(staging, name), join(dist, name));
for (const name of [...old, basename(staging)])
  if (!kept.has(name)) rmSync(join(dist, name), { recursive: true, force: true });
