import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const folders: string[] = [];

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** The files of a build into a new directory; V8's code caches may differ. */
function build(): Record<string, string> {
  const folder = mkdtempSync(join(tmpdir(), 'workerctl-dist-'));
  folders.push(folder);
  execFileSync(process.execPath, ['.config/build.mjs', folder], { cwd: root });
  const names = readdirSync(folder).filter((name) => !name.endsWith('.cache'));
  return Object.fromEntries(
    names.sort().map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
  );
}

test('two builds of one tree must be identical', () => {
  const first = build();
  expect(Object.keys(first)).toContain('cli.cjs');
  expect(build()).toEqual(first);
});
