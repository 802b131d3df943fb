import { expect, test } from 'vitest';
import { ownCommand, ownCommandWith } from '../../../src/host/process/own-command.ts';

test.each([
  [['stop', 'mail'], {}, 'workerctl stop mail'],
  [['stop', '--for', 'a b'], {}, "workerctl stop --for 'a b'"],
  [['stop'], { WORKERCTL_CONFIG: '/a b/c.yaml' }, "workerctl stop --config '/a b/c.yaml'"],
  [['stop', '-cx.yaml'], { WORKERCTL_CONFIG: '/a' }, 'workerctl stop -cx.yaml'],
  [['stop', '--', 'mail.*'], { WORKERCTL_CONFIG: '/a' }, "workerctl stop --config /a -- 'mail.*'"],
])('%j with %j must be %s for another user', (argv, env, expected) => {
  expect(ownCommand(argv, env)).toBe(expected);
});

test.each([
  [['stop', '--config', 'x', 'mail'], 'workerctl stop mail --trust-config /y'],
  [['-c', 'x', 'stop'], 'workerctl stop --trust-config /y'],
  [['stop', '-cx', '--config=z'], 'workerctl stop --trust-config /y'],
  [['stop', '--', '-c', 'x'], 'workerctl stop --trust-config /y -- -c x'],
])('%j with another config must be %s', (argv, expected) => {
  expect(ownCommandWith(['--trust-config', '/y'], argv)).toBe(expected);
});
