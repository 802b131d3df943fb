import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const launcher = join(root, 'bin/workerctl');
const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  engines: { node: string };
};
const folder = mkdtempSync(join(tmpdir(), 'workerctl-launcher-'));

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the launcher in a Node.js that claims to be of this version. */
function runAs(version: string): ReturnType<typeof spawnSync> {
  const claim = join(folder, `claims-${version}.cjs`);
  const versions = `{ ...process.versions, node: ${JSON.stringify(version)} }`;
  writeFileSync(claim, `Object.defineProperty(process, 'versions', { value: ${versions} });\n`);
  return spawnSync(process.execPath, ['--require', claim, launcher, '--version'], {
    encoding: 'utf8',
  });
}

test.each(['20.18.3', '20.9.0', '18.20.8', '8.17.0'])('Node.js %s must be refused', (version) => {
  const { status, stdout, stderr } = runAs(version);
  expect({ status, stdout }).toEqual({ status: 126, stdout: '' });
  expect(stderr).toBe(
    `workerctl: needs Node.js 20.19 or later, this is ${version} at ${process.execPath}; put a newer one first in PATH\n`,
  );
});

test.each(['20.19.0', '20.20.1', '22.0.0', '100.1.0'])('Node.js %s must do', (version) => {
  expect(runAs(version)).toMatchObject({ status: 0, stderr: '' });
});

test('the launcher must demand what the package does', () => {
  const oldest = /^>=([\d.]+)$/.exec(engines.node)?.[1] ?? '';
  expect(runAs('0.12.18').stderr).toContain(`needs Node.js ${oldest} or later`);
});

test('the launcher must have no syntax that an old Node.js does not know', () => {
  const text = readFileSync(launcher, 'utf8');
  expect(text).not.toMatch(/\?\.|\?\?|catch \{|=>|`\$|\b(async|const|let|class)\b [^.*]/);
});

/** Runs the launcher as a shell script. */
const sh = (env: Record<string, string>, ...args: readonly string[]) =>
  spawnSync('/bin/sh', [launcher, ...args], { encoding: 'utf8', env });

test('the launcher must be a shell script that finds node', () => {
  const bin = dirname(process.execPath);
  expect(sh({ PATH: `${bin}:/usr/bin:/bin` }, '--version')).toMatchObject({
    status: 0,
    stderr: '',
  });
  const path = join(folder, 'none');
  const without = sh({ PATH: path }, '--version');
  expect(without).toMatchObject({ status: 127, stdout: '' });
  expect(without.stderr).toContain(`there is no node in PATH (${path})`);
});
