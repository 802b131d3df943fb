import { expect, test } from 'vitest';
import { groupPathIn, runnerIn, unitName, unitOf } from '../../../src/core/protocols/cgroup.ts';

test.each([
  ['0::/system.slice/cron.service\n', '/system.slice/cron.service'],
  ['9:name=systemd:/user.slice\n4:memory:/x\n0::/\n', '/user.slice'],
  ['9:name=systemd:/\n4:memory:/x\n0::/docker/1\n', '/docker/1'],
  ['9:name=systemd:/\n0::/\n', '/'],
  ['', '/'],
])('of %j the group must be %s', (text, path) => {
  expect(groupPathIn(text)).toBe(path);
});

test.each([
  ['/system.slice/cron.service', { kind: 'service', name: 'cron.service' }],
  ['/user.slice/user-1000.slice/session-3.scope', { kind: 'session', name: 'session-3.scope' }],
  [
    '/user.slice/user-1000.slice/user@1000.service/app.slice/app.service',
    { kind: 'service', name: 'app.service', user: 1000 },
  ],
  [
    '/user.slice/user-1000.slice/user@1000.service/app.slice',
    { kind: 'service', name: 'user@1000.service' },
  ],
  ['/system.slice/docker-77.scope', { kind: 'scope', name: 'docker-77.scope' }],
  [
    '/user.slice/user-1000.slice/user@1000.service/app.slice/workerctl-start-38a7cd7e.scope',
    { kind: 'scope', name: 'workerctl-start-38a7cd7e.scope', user: 1000 },
  ],
  ['/system.slice/w.service/nested', { kind: 'service', name: 'w.service' }],
  ['/', { kind: 'other', name: '/' }],
])('%s must be the unit %j', (path, unit) => {
  expect(unitOf(path)).toEqual(unit);
});

test.each([
  ['/user.slice/user-1000.slice/session-3.scope', 'session-3.scope'],
  ['/user.slice/user-1000.slice/user@1000.service/app.slice/a.scope', 'a.scope of user 1000'],
  ['/system.slice/web.service', 'web.service'],
  ['/', undefined],
])('%s must be called %s', (path, name) => {
  expect(unitName(path)).toBe(name);
});

test('groups of CI runners must be known by their names', () => {
  expect(runnerIn('/system.slice/actions.runner.org-app.web1.service')).toBe('actions.runner');
  expect(runnerIn('/system.slice/gitlab-runner.service')).toBe('gitlab-runner');
  expect(runnerIn('/system.slice/cron.service')).toBeUndefined();
});
