import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const folders: string[] = [];

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** The files of a build into a new directory. */
function build(): Record<string, string> {
  const folder = mkdtempSync(join(tmpdir(), 'workerctl-dist-'));
  folders.push(folder);
  execFileSync(process.execPath, ['.config/build.mjs', folder], { cwd: root });
  const names = readdirSync(folder).sort();
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}

test('two builds of one tree must be identical', () => {
  const first = build();
  expect(Object.keys(first)).toContain('cli.cjs');
  expect(build()).toEqual(first);
});

/** A script as bash has understood it; undefined if there is no bash that can print that. */
const understood = (file: string): string | undefined => {
  const { status, stdout } = spawnSync('bash', ['--pretty-print', file], { encoding: 'utf8' });
  return status === 0 ? stdout : undefined;
};

test('a shell script without its comments must be the same program', (context) => {
  const built = build();
  const scripts = readdirSync(join(root, 'src/host'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.sh'))
    .map((path) => join(root, 'src/host', path));
  expect(scripts.length).toBeGreaterThan(0);
  const folder = mkdtempSync(join(tmpdir(), 'workerctl-dist-'));
  folders.push(folder);
  for (const script of scripts) {
    const source = understood(script);
    if (source === undefined) context.skip();
    const shipped = join(folder, basename(script));
    writeFileSync(shipped, built[basename(script)] ?? '');
    expect(readFileSync(shipped, 'utf8')).not.toMatch(/^\s*# /m);
    expect(understood(shipped), script).toBe(source);
  }
});
