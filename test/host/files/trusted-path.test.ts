import { chmodSync, chownSync, lchownSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { partsOf, trustedUsers, untrustedPart } from '../../../src/host/files/trusted-path.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();
const write = (name: string): string => {
  mkdirSync(dirname(scratch.path(name)), { recursive: true });
  return scratch.write(name, '');
};
const isRoot = process.geteuid?.() === 0;
const eve = 54321;
const found = (path: string, isAnyOwner = false) => {
  const part = untrustedPart(path, trustedUsers(), isAnyOwner);
  return part && [part.path, part.who];
};

afterEach(() => {
  vi.unstubAllEnvs();
});

test('the parts of a path must be its directories, links and targets in order', () => {
  write('a/real/x.yaml');
  symlinkSync('../a/./real', scratch.path('a/link'));
  symlinkSync(scratch.path('a/link'), scratch.path('whole'));
  const seen = [...partsOf(scratch.path('whole/x.yaml'))].map(({ path }) => path);
  const root = scratch.path('.').replace(/\/\.?$/, '');
  expect(seen[0]).toBe('/');
  expect(seen.filter((path) => path.startsWith(`${root}/`))).toEqual(
    ['whole', 'a', 'a/link', 'a', 'a/real', 'a/real/x.yaml'].map((name) => scratch.path(name)),
  );
});

test('a missing file and a ring of links must end it', () => {
  symlinkSync('ring', scratch.path('ring'));
  expect(found(scratch.path('ring'))).toBeUndefined();
  expect(found(scratch.path('none/x.yaml'))).toBeUndefined();
  expect(found(scratch.path('ring/x.yaml'))).toBeUndefined();
});

describe.each([
  [0o644, undefined],
  [0o600, undefined],
  [0o666, 'everyone'],
  [0o646, 'everyone'],
  [0o1666, 'everyone'],
])('a file with mode %o', (mode, who) => {
  test(`must be open to ${String(who)}`, () => {
    const file = write('x.yaml');
    chmodSync(file, mode);
    expect(found(file)).toEqual(who && [file, who]);
  });
});

test.each([
  [0o755, undefined],
  [0o757, 'everyone'],
  [0o1777, undefined],
])('a directory with mode %o must be open to %s', (mode, who) => {
  const file = write('d/x.yaml');
  chmodSync(scratch.path('d'), mode);
  expect(found(file)).toEqual(who && [scratch.path('d'), who]);
});

describe.runIf(isRoot)('other owners', () => {
  test('of the file, a directory or a link must be found', () => {
    const file = write('d/x.yaml');
    symlinkSync('d', scratch.path('link'));
    chownSync(file, eve, 0);
    expect(found(file)).toEqual([file, 'owner']);
    expect(found(file, true)).toBeUndefined();
    chownSync(scratch.path('d'), eve, 0);
    expect(found(file)).toEqual([scratch.path('d'), 'owner']);
    lchownSync(scratch.path('link'), eve, 0);
    expect(found(scratch.path('link/x.yaml'))).toEqual([scratch.path('link'), 'owner']);
  });

  test('in a sticky directory must be found', () => {
    const file = write('d/x.yaml');
    chmodSync(scratch.path('d'), 0o1777);
    chownSync(file, eve, eve);
    expect(found(file)).toEqual([file, 'owner']);
  });

  test('must be trusted if they called sudo', () => {
    const file = write('d/x.yaml');
    chownSync(file, eve, 0);
    vi.stubEnv('SUDO_UID', String(eve));
    expect(found(file)).toBeUndefined();
    for (const odd of ['', '-1', `${eve} `, '0x1', 'root']) {
      vi.stubEnv('SUDO_UID', odd);
      expect(found(file), odd).toEqual([file, 'owner']);
    }
  });

  test('a group must be found unless it is private', () => {
    const file = write('x.yaml');
    chmodSync(file, 0o664);
    expect(found(file)).toBeUndefined();
    chownSync(file, 0, eve);
    expect(found(file)).toEqual([file, 'group']);
    chownSync(file, eve, eve);
    expect(found(file, true)).toBeUndefined();
    chmodSync(scratch.path('.'), 0o755);
    mkdirSync(scratch.path('g'), { mode: 0o755 });
    chownSync(scratch.path('g'), 0, eve);
    chmodSync(scratch.path('g'), 0o2775);
    expect(found(scratch.path('g/x'))).toEqual([scratch.path('g'), 'group']);
  });
});
