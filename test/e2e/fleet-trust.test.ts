import { chmodSync, chownSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createFleet } from '../rig/fleet.ts';
import { isRoot } from '../rig/programs.ts';

test('a fleet.yaml that others can write must be refused by looks too, before anything is run', async () => {
  const fleet = createFleet(['web1']);
  chmodSync(fleet.path('fleet.yaml'), 0o666);
  const refused = await fleet.fleet('status');
  expect(refused.exitCode).toBe(78);
  expect(refused.stderr).toMatch(/fleet\.yaml: this config is not trusted: every user can write/);
  expect(() => readFileSync(fleet.path('web1/lines'))).toThrow('ENOENT');
  const trusted = await fleet.fleet('status', '--trust-config', fleet.path('fleet.yaml'));
  expect(trusted.exitCode).toBe(3);
});

test.runIf(isRoot)('root must refuse the fleet.yaml of another user', async () => {
  const fleet = createFleet(['web1']);
  chownSync(fleet.path('fleet.yaml'), 65534, 65534);
  expect((await fleet.fleet('restart')).exitCode).toBe(78);
});

test('without a fleet.yaml the error must say where it was looked for', async () => {
  const fleet = createFleet(['web1']);
  const { exitCode, stderr } = await fleet.rig.shell('cd / && workerctl fleet status');
  expect(exitCode).toBe(78);
  expect(stderr).toContain('no fleet found: expected fleet.yaml in / or a directory above it');
  const named = await fleet.rig.workerctl('fleet', 'status', '-c', 'nothing.yaml');
  expect(named.stderr).toMatch(/nothing\.yaml: no such config file\n {2}write one/);
});
