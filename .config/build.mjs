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
await build({
  absWorkingDir: root,
  entryPoints: ['src/cli.ts'],
  outfile: join(dist, 'cli.cjs'),
  bundle: true,
  minify: true,
  keepNames: false,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  legalComments: 'linked',
  logLevel: 'warning',
  // yargs lays its help out with string-width, whose Intl.Segmenter costs more than the rest of yargs.
  alias: { 'string-width': join(root, 'src/output/width.ts') },
  banner: { js: 'const bundleUrl=require("node:url").pathToFileURL(__filename).href;' },
  define: { 'import.meta.url': 'bundleUrl', VERSION: JSON.stringify(version) },
});
for (const script of ['shim.sh', 'signal.sh'])
  copyFileSync(join(root, 'src/os', script), join(dist, script));
rmSync(join(dist, 'cli.cjs.cache'), { force: true });
execFileSync(process.execPath, [join(root, '.config/code-cache.cjs')], { stdio: 'inherit' });
