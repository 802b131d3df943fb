import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findConfig } from '../../src/config/find.ts';
import { errorOf, scratchFolder, write } from './scratch.ts';

const root = scratchFolder();
const top = write(root, 'app/workerctl.yaml', '');
const near = write(root, 'app/inner/workerctl.yaml', '');
mkdirSync(join(root, 'app/inner/deep/er'), { recursive: true });
mkdirSync(join(root, 'app/other'), { recursive: true });

describe('findConfig must', () => {
  test('take --config before all else, relative to the working directory', () => {
    const env = { WORKERCTL_CONFIG: '/elsewhere.yaml' };
    expect(findConfig({ config: 'a/b.yaml', env, cwd: root })).toBe(join(root, 'a/b.yaml'));
  });

  test('take $WORKERCTL_CONFIG before it searches directories', () => {
    const cwd = join(root, 'app');
    expect(findConfig({ env: { WORKERCTL_CONFIG: 'x.yaml' }, cwd })).toBe(join(cwd, 'x.yaml'));
    expect(findConfig({ env: { WORKERCTL_CONFIG: '' }, cwd })).toBe(top);
  });

  test('take the nearest one at or above the working directory', () => {
    expect(findConfig({ env: {}, cwd: join(root, 'app/inner/deep/er') })).toBe(near);
    expect(findConfig({ env: {}, cwd: join(root, 'app/other') })).toBe(top);
  });

  test('skip a directory of that name, but not a dangling link', () => {
    mkdirSync(join(root, 'app/dir/workerctl.yaml'), { recursive: true });
    expect(findConfig({ env: {}, cwd: join(root, 'app/dir') })).toBe(top);
    mkdirSync(join(root, 'app/link'));
    symlinkSync('/nowhere', join(root, 'app/link/workerctl.yaml'));
    const found = findConfig({ env: {}, cwd: join(root, 'app/link') });
    expect(found).toBe(join(root, 'app/link/workerctl.yaml'));
  });

  test('keep the symlink that the shell came through', () => {
    const release = join(root, 'releases/7');
    write(release, 'workerctl.yaml', '');
    const current = join(root, 'current');
    symlinkSync(release, current);
    const found = (PWD: string) => findConfig({ env: { PWD }, cwd: release });
    expect(found(current)).toBe(join(current, 'workerctl.yaml'));
    expect(found(join(root, 'app'))).toBe(join(release, 'workerctl.yaml'));
    expect(found('/nowhere')).toBe(join(release, 'workerctl.yaml'));
    expect(found('current')).toBe(join(release, 'workerctl.yaml'));
    expect(found(`${root}/app/../current`)).toBe(join(release, 'workerctl.yaml'));
  });

  test('look above the symlink, not above what it points to', () => {
    mkdirSync(join(root, 'away/v1'), { recursive: true });
    symlinkSync(join(root, 'away/v1'), join(root, 'app/v'));
    const PWD = join(root, 'app/v');
    expect(findConfig({ env: { PWD }, cwd: join(root, 'away/v1') })).toBe(top);
  });

  test.skipIf(existsSync('/etc/workerctl.yaml'))('say where it searched if there is none', () => {
    const error = errorOf(() => findConfig({ env: {}, cwd: '/' }));
    expect(error.code).toBe('config');
    expect(error.message).toContain('/etc/workerctl.yaml');
    expect(error.hint).toContain('workerctl init');
  });

  test('refuse an empty --config', () => {
    expect(errorOf(() => findConfig({ config: '', env: {}, cwd: root })).code).toBe('config');
  });
});
