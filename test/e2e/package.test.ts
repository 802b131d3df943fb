// What npm packs of this tree, installed as people do it. No registry is asked: the package depends on nothing.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isRoot } from '../rig/programs.ts';
import { copySources } from '../rig/source-tree.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'workerctl-package-'));
const tree = join(folder, 'tree');
const prefix = join(folder, 'a prefix');
const installed = join(prefix, 'lib/node_modules/workerctl');
const program = join(prefix, 'bin/workerctl');
const PATH = `${dirname(process.execPath)}:/usr/bin:/bin`;

interface Packed {
  readonly filename: string;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}
interface Manifest {
  readonly man: string;
  readonly exports: Readonly<Record<string, string>>;
}
let packed: Packed;

const jsonIn = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
const npm = (cwd: string, ...args: readonly string[]): string =>
  execFileSync('npm', args, {
    cwd,
    encoding: 'utf8',
    env: { PATH, HOME: join(folder, 'home') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });

beforeAll(() => {
  chmodSync(folder, 0o755);
  copySources(tree);
  mkdirSync(join(tree, 'dist'));
  writeFileSync(join(tree, 'dist/rest-0123456789ab.cjs'), 'of the build before');
  [packed] = JSON.parse(npm(tree, 'pack', '--json')) as [Packed];
  npm(folder, 'install', '-g', '--offline', '--prefix', prefix, join(tree, packed.filename));
}, 240_000);

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the installed program with this environment and nothing else. */
function run(file: string, env: Record<string, string>, ...args: readonly string[]) {
  return spawnSync(file, args, { cwd: folder, env, encoding: 'utf8', input: '' });
}

test('the package must hold what it needs, and no more', () => {
  expect(packed.unpackedSize).toBeLessThan(1_600_000);
  const paths = packed.files.map(({ path }) => path);
  expect(paths.filter((path) => !/^(bin|dist)\//.test(path)).sort()).toEqual([
    'LICENSE',
    'README.md',
    'package.json',
  ]);
  expect(paths.filter((path) => path.startsWith('dist/rest-'))).toHaveLength(1);
  expect(paths).not.toContain('dist/rest-0123456789ab.cjs');
  expect(paths.filter((path) => /compiled\/|decisions|\.map$/.test(path))).toEqual([]);
  const manifest = jsonIn(join(installed, 'package.json')) as Manifest;
  for (const key of [
    'scripts',
    'dependencies',
    'devDependencies',
    'repository',
    'homepage',
    'bugs',
  ])
    expect(manifest).not.toHaveProperty(key);
  expect(existsSync(join(installed, manifest.man))).toBe(true);
  for (const path of Object.values(manifest.exports).filter((one) => !one.includes('*')))
    expect(existsSync(join(installed, path)), path).toBe(true);
  expect(readFileSync(join(tree, 'package.json'), 'utf8')).toBe(
    readFileSync(join(root, 'package.json'), 'utf8'),
  );
});

test('its schemas must say what those of the documentation say', () => {
  const names = ['docs', 'docs/schemas'].flatMap((at) =>
    readdirSync(join(root, at)).flatMap((name) =>
      name.endsWith('.schema.json') ? [join(at, name).replace('docs/', '')] : [],
    ),
  );
  expect(names).toContain('fleet.schema.json');
  expect(names).toContain('schemas/fleet.schema.json');
  for (const name of names) {
    const shipped = jsonIn(join(installed, 'dist', name)) as Schema;
    const { definitions = {}, ...rest } = shipped;
    expect(resolved(rest, definitions), name).toEqual(jsonIn(join(root, 'docs', name)));
  }
});

interface Schema {
  readonly definitions?: Readonly<Record<string, unknown>>;
}

/** The same schema with what its references lead to in their place. */
function resolved(value: unknown, definitions: Readonly<Record<string, unknown>>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((one) => resolved(one, definitions));
  if ('$ref' in value) return definitions[String(value.$ref).replace('#/definitions/', '')];
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, resolved(one, definitions)]),
  );
}

test('it must run with nothing in the environment but PATH, by a link, and from a path with spaces', () => {
  const link = join(folder, 'link');
  symlinkSync(program, link);
  for (const file of [program, link, join(installed, 'bin/workerctl')])
    expect(run(file, { PATH }, 'version'), file).toMatchObject({ status: 0, stderr: '' });
  expect(run(process.execPath, { PATH }, link, 'status', '--help').status).toBe(0);
  const empty = run('env', { PATH }, '-i', process.execPath, program, 'version', '--json');
  expect(empty).toMatchObject({ status: 0, stderr: '' });
});

test('npx must run it in a project that has installed it', () => {
  const project = join(folder, 'project');
  mkdirSync(project);
  npm(project, 'install', '--offline', '--no-save', join(tree, packed.filename));
  expect(npm(project, 'exec', '--offline', '--', 'workerctl', '--version')).toMatch(/^\d/);
});

/** What a bundle begins with. */
const idOf = (bundle: string): string =>
  readFileSync(join(installed, 'dist', bundle), 'latin1').slice(2, 21);

test('what has been compiled must be kept beside bundles that are the user’s own', () => {
  run(program, { PATH }, 'version');
  expect(readdirSync(join(installed, 'dist/compiled')).length).toBeGreaterThan(0);
});

test('what has been compiled must be written once for each set of options of Node.js', () => {
  const kept = join(installed, 'dist/compiled');
  rmSync(kept, { recursive: true, force: true });
  const environments = [
    { PATH },
    { PATH, NODE_OPTIONS: '--max-old-space-size=900' },
    { PATH, NODE_OPTIONS: '--stack-size=900' },
  ];
  const look = () =>
    readdirSync(kept).map((name) => {
      const { ino, size } = statSync(join(kept, name));
      return { name, ino, size };
    });
  for (const env of environments) run(program, env, 'version');
  const written = look();
  for (const env of environments) run(program, env, 'version');
  expect(look()).toEqual(written);
});

test('status must not load what only the other commands have compiled', () => {
  const kept = join(installed, 'dist/compiled');
  rmSync(kept, { recursive: true, force: true });
  const shared = () => readdirSync(kept).filter((name) => name.startsWith(idOf('cli.cjs')));
  run(program, { PATH }, 'version');
  expect(shared()).toEqual([expect.not.stringContaining('status')]);
  const config = join(folder, 'workerctl.yaml');
  writeFileSync(config, 'workers: {a: {command: sleep 60}}\n');
  expect(run(program, { PATH }, 'status', '--config', config)).toMatchObject({ stderr: '' });
  expect(shared().sort()).toEqual([
    expect.not.stringContaining('status'),
    expect.stringMatching(/-status$/),
  ]);
});

test('each kind of run must be learned from once, not only the first one', () => {
  const kept = join(installed, 'dist/compiled');
  rmSync(kept, { recursive: true, force: true });
  const home = join(folder, 'kinds');
  mkdirSync(home);
  const config = join(home, 'workerctl.yaml');
  writeFileSync(config, 'workers: {a: {command: sleep 60, count: 0}}\n');
  const words = (): string[] =>
    readdirSync(kept)
      .filter((name) => name.startsWith(idOf('cli.cjs')))
      .flatMap((name) => readFileSync(join(kept, name), 'latin1').slice(24, 512).trim().split(' '))
      .filter((word) => word.startsWith('status'));
  const look = (): unknown => run(program, { PATH }, 'status', '--config', config);
  expect(look()).toMatchObject({ status: 0, stderr: '' });
  expect(words()).toEqual(['status:']);
  run(program, { PATH }, 'start', '--config', config); // keeps what the config means
  expect(look()).toMatchObject({ status: 0, stderr: '' });
  expect(words()).toEqual(['status:', 'status:config']);
  const sizes = (): number[] => readdirSync(kept).map((name) => statSync(join(kept, name)).ino);
  const written = sizes();
  look();
  expect(sizes()).toEqual(written);
});

describe.runIf(isRoot)('another user, who cannot write the installation', () => {
  const as = (home: string | undefined, ...args: readonly string[]) =>
    run(
      'setpriv',
      { PATH, ...(home === undefined ? {} : { HOME: home }) },
      ...['--reuid', '65534', '--regid', '65534', '--clear-groups', program, ...args],
    );

  test('must be able to run it, without a home too', () => {
    rmSync(join(installed, 'dist/compiled'), { recursive: true, force: true });
    for (const home of [undefined, '/', '/nonexistent'])
      expect(as(home, 'version'), String(home)).toMatchObject({ status: 0, stderr: '' });
    expect(existsSync(join(installed, 'dist/compiled'))).toBe(false);
  });

  test('must get a cache of its own, and use none of another user', () => {
    const home = join(folder, 'nobody');
    mkdirSync(home);
    chownSync(home, 65534, 65534);
    expect(as(home, 'version').status).toBe(0);
    const cache = join(home, '.cache/workerctl');
    const names = readdirSync(cache);
    expect(names.length).toBeGreaterThan(0);
    // A file that it does not own, or that others can write, is not used: it is written anew.
    for (const [owner, mode] of [
      [0, 0o644],
      [65534, 0o666],
    ] as const) {
      for (const name of names) {
        chownSync(join(cache, name), owner, owner);
        chmodSync(join(cache, name), mode);
      }
      expect(as(home, 'version').status).toBe(0);
      for (const name of names)
        expect(statSync(join(cache, name))).toMatchObject({ uid: 65534, mode: 0o100644 });
    }
    // root, with the home of another user, leaves nothing of its own there.
    rmSync(join(installed, 'dist/compiled'), { recursive: true, force: true });
    rmSync(join(home, '.cache'), { recursive: true });
    expect(run(program, { PATH, HOME: home }, 'version').status).toBe(0);
    expect(existsSync(join(home, '.cache'))).toBe(false);
  });
});

test('all that is bundled must be named with its licence', () => {
  const bill = jsonIn(join(installed, 'dist/sbom.cdx.json')) as {
    readonly bomFormat: string;
    readonly components: readonly { readonly name: string; readonly version: string }[];
  };
  const texts = readFileSync(join(installed, 'dist/THIRD-PARTY-LICENCES.txt'), 'utf8');
  expect(bill.bomFormat).toBe('CycloneDX');
  const names = bill.components.map(({ name }) => name);
  for (const name of [
    'yargs',
    'yargs-parser',
    'yaml',
    'execa',
    'chalk',
    'proper-lockfile',
    'retry',
  ])
    expect(names).toContain(name);
  for (const { name, version } of bill.components) expect(texts).toContain(`${name} ${version} (`);
});
