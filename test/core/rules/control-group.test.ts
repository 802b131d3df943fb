import { describe, expect, test } from 'vitest';
import type { GroupLimits } from '../../../src/core/model/config.ts';
import {
  groupProblem,
  groupWay,
  type GroupFacts,
  type GroupManager,
  type GroupPlace,
} from '../../../src/core/rules/control-group.ts';

const both = { memoryMax: 2 ** 29, cpu: 0.5 };

const place = (path: string, more: Partial<GroupPlace> = {}): GroupPlace => ({
  ...{ path, isWritable: false, isHollow: false, controllers: ['cpu', 'memory', 'pids'] },
  ...more,
});

const manager: GroupManager = {
  controllers: ['cpu', 'memory', 'pids'],
  socket: '/run/bus',
  busctl: '/usr/bin/busctl',
  isLasting: true,
};

const cron = place('/system.slice/cron.service');

const facts = (more: Partial<GroupFacts> = {}): GroupFacts => ({
  ...{ isUnified: true, isRoot: false, user: 'deploy', own: cron, above: place('/system.slice') },
  ...more,
});

const words = (more: Partial<GroupFacts>, limits: GroupLimits = both): string => {
  const way = groupWay(facts(more), limits);
  return way.kind === 'none' ? groupProblem(way) : way.kind;
};

describe('systemd', () => {
  test.each([
    [true, 'system'],
    [false, 'user'],
  ])('must make a scope, also if a group of our own could be made (root: %s)', (isRoot, of) => {
    const own = place('/x', { isWritable: true });
    expect(groupWay(facts({ isRoot, manager, own }), both)).toEqual({
      ...{ kind: 'scope', of, busctl: '/usr/bin/busctl', socket: '/run/bus' },
    });
  });

  test('must not be gone round by root, nor in the groups of a user manager', () => {
    const mute = { ...manager, socket: undefined } as unknown as GroupManager;
    const own = place('/user.slice/user-1.slice/user@1.service/app.slice/a.scope', {
      isWritable: true,
    });
    expect(words({ manager: mute, own })).toContain(
      'found no message bus for the systemd of deploy',
    );
    expect(words({ manager: mute, isRoot: true, own: { ...cron, isWritable: true } })).toContain(
      'found no message bus for systemd; install dbus',
    );
  });

  test.each<[Partial<GroupManager>, string]>([
    [{ isLasting: false }, 'loginctl enable-linger deploy'],
    [{ controllers: ['memory'] }, 'without the controller cpu'],
    [{ controllers: [] }, 'without the controller memory and cpu'],
  ])('with %j must be refused with what to do', (more, what) => {
    const found = words({ manager: { ...manager, ...more } });
    expect(found).toContain(what);
    expect(found).toContain('cron.service, which is not delegated to deploy');
    expect(found).toContain('Delegate=yes');
  });

  test('must name the limit for which it lacks the controller', () => {
    const poor = { ...manager, controllers: ['memory'] };
    expect(words({ manager: poor })).toMatch(/^limits\.cpu: /);
    expect(words({ manager: { ...manager, isLasting: false } })).toMatch(/^limits\.memory_max: /);
  });

  test('must have only the controllers that the limits need', () => {
    const poor = { ...manager, controllers: ['memory'] };
    expect(groupWay(facts({ manager: poor }), { memoryMax: 2 ** 29 }).kind).toBe('scope');
  });

  test('that ends with the last logout must give way to a delegated group', () => {
    const own = place('/system.slice/watch.service', { isWritable: true });
    const brief = { ...manager, isLasting: false };
    expect(groupWay(facts({ manager: brief, own }), both)).toEqual({
      ...{ kind: 'folder', path: own.path, isHollow: false },
    });
  });
});

describe('a delegated group', () => {
  const own = place('/a/workerctl', { isWritable: true });

  test('above must be taken if it has no processes', () => {
    const above = place('/a', { isWritable: true, isHollow: true });
    expect(groupWay(facts({ own, above }), both)).toMatchObject({ path: '/a', isHollow: true });
  });

  test.each<Partial<GroupPlace>>([
    { isWritable: false },
    { isHollow: false },
    { controllers: ['memory'] },
  ])('above must not be taken with %j', (more) => {
    const above = place('/a', { isWritable: true, isHollow: true, ...more });
    expect(groupWay(facts({ own, above }), both)).toMatchObject({ path: own.path });
  });

  test('without a controller must be refused', () => {
    expect(words({ own: { ...own, controllers: ['cpu'] } })).toBe(
      'limits.memory_max: expected a control group that can be limited, found /sys/fs/cgroup/a/workerctl without the controller memory; let the group above hand it on (cgroup.subtree_control)',
    );
  });

  test('that is read-only must be refused', () => {
    const cpuOnly = { cpu: 0.5 };
    expect(words({ own: place('/') }, cpuOnly)).toMatch(
      /^limits\.cpu: expected .*, found \/sys\/fs\/cgroup\/, which deploy cannot write to; /,
    );
  });
});

test('version 1 must be refused, whatever else there is', () => {
  expect(words({ isUnified: false, manager })).toContain('found control groups of version 1');
});
