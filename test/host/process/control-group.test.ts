// Plain directories in place of the kernel's: what is written where, and what is moved and removed.
import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import type { GroupLimits } from '../../../src/core/model/config.ts';
import { groupWayFrom, makeGroup } from '../../../src/host/process/control-group.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();

afterEach(() => {
  vi.unstubAllEnvs();
});

/** A host with one group at `/app`, of version 2. */
function host(files: Readonly<Record<string, string>>) {
  const root = scratch.path('host');
  mkdirSync(`${root}/sys/fs/cgroup/app`, { recursive: true });
  const all = { 'cgroup.controllers': 'cpu memory', ...files };
  for (const [name, text] of Object.entries(all))
    writeFileSync(`${root}/sys/fs/cgroup/${name}`, text);
  vi.stubEnv('WORKERCTL_TEST_HOST_ROOT', root);
  const read = (name: string): string => readFileSync(`${root}/sys/fs/cgroup/app/${name}`, 'utf8');
  return { root, read, at: (name: string) => `${root}/sys/fs/cgroup/app/${name}` };
}

const delegated = {
  'app/cgroup.type': 'domain\n',
  'app/cgroup.controllers': 'cpu memory pids\n',
  'app/cgroup.subtree_control': '',
  'app/cgroup.procs': '',
};

const limits: GroupLimits = { memoryMax: 2 ** 26, cpu: 0.25 };

test('a delegated group must be found, and get a group with the limits', () => {
  const { read, at } = host(delegated);
  const way = groupWayFrom('/app', limits);
  if (way.kind !== 'folder') throw new Error(JSON.stringify(way));
  expect(way).toEqual({ kind: 'folder', path: '/app', isHollow: true });
  expect(makeGroup(way, 'workerctl-mail.1-1', limits)).toBe(at('workerctl-mail.1-1'));
  expect(read('workerctl-mail.1-1/memory.max')).toBe(String(2 ** 26));
  expect(read('workerctl-mail.1-1/cpu.max')).toBe('25000 100000');
  expect(existsSync(at('workerctl-mail.1-1/memory.swap.max'))).toBe(false);
  expect(read('cgroup.subtree_control')).toBe('+cpu');
  expect(existsSync(at('workerctl'))).toBe(false);
});

test('a limit that is not wanted must not be written', () => {
  const { at } = host(delegated);
  makeGroup({ kind: 'folder', path: '/app', isHollow: true }, 'g', { cpu: 2 });
  expect(existsSync(at('g/memory.max'))).toBe(false);
});

test('processes in the way must be moved out of it', () => {
  const { read } = host({
    ...delegated,
    'app/cgroup.procs': '4711\n0\n',
  });
  const way = groupWayFrom('/app', limits);
  expect(way).toEqual({ kind: 'folder', path: '/app', isHollow: false });
  if (way.kind === 'folder') makeGroup(way, 'g', limits);
  expect(read('workerctl/cgroup.procs')).toBe('4711');
});

test('empty groups of earlier runs must be removed, but none that is young or not ours', () => {
  const { at } = host(delegated);
  for (const name of ['workerctl-a', 'workerctl-b', 'workerctl-c', 'other']) mkdirSync(at(name));
  writeFileSync(at('workerctl-c/file'), '');
  const old = new Date(Date.now() - 60_000);
  for (const name of ['workerctl-a', 'workerctl-c', 'other']) utimesSync(at(name), old, old);
  makeGroup({ kind: 'folder', path: '/app', isHollow: true }, 'g', limits);
  const left = ['workerctl-a', 'workerctl-b', 'workerctl-c', 'other'].filter((name) =>
    existsSync(at(name)),
  );
  expect(left).toEqual(['workerctl-b', 'workerctl-c', 'other']);
});

test('what the kernel refuses must be said with its file', () => {
  const { at } = host({ ...delegated, 'app/g': '' });
  expect(() => makeGroup({ kind: 'folder', path: '/app', isHollow: true }, 'g', limits)).toThrow(
    `control group: ${at('g')}: EEXIST`,
  );
});

test('a host without control groups of version 2 must be refused', () => {
  const { root } = host({});
  vi.stubEnv('WORKERCTL_TEST_HOST_ROOT', `${root}/none`);
  expect(groupWayFrom('/app', limits)).toMatchObject({ kind: 'none' });
  expect(groupWayFrom('/app', limits)).toMatchObject({
    found: 'control groups of version 1',
  });
});
