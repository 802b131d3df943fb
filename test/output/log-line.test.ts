import { expect, test } from 'vitest';
import { createLogFormat } from '../../src/output/log-line.ts';
import { formatLogrotate } from '../../src/output/install/logrotate.ts';

const format = (look: object, label: string, line: string | Buffer): string =>
  createLogFormat({ isRaw: false, hasColours: false, json: false, ...look }, () => 6)(
    label,
    Buffer.from(line),
  ).toString();

test('a line must not control the terminal: colours stay and end, everything else is written out', () => {
  expect(format({}, 'a.1', 'x\u001b[31mred\u001b[2J\u0007\tend\r')).toBe(
    'a.1    | x\u001b[31mred^[[2J^G\tend\u001b[0m\n',
  );
  expect(format({}, 'a.1', '\u009b2J')).toBe('a.1    | \\u009b2J\n');
});

test('each label must have a colour of its own, and keep it', () => {
  const colourful = createLogFormat({ isRaw: false, hasColours: true, json: false }, () => 3);
  const line = (label: string): string => colourful(label, Buffer.from('x')).toString();
  expect(line('a.1')).toBe('\u001b[36ma.1 | \u001b[0mx\n');
  expect(line('b.1')).toBe('\u001b[33mb.1 | \u001b[0mx\n');
  expect(line('a.1')).toContain('[36m');
});

test('JSON must be one object a line, for any bytes', () => {
  const text = format({ json: true }, 'a.1', Buffer.from([0x22, 0xff, 0x0a]));
  expect(text.split('\n')).toHaveLength(2);
  expect(JSON.parse(text)).toEqual({ schema: 2, kind: 'log', instance: 'a.1', line: '"\ufffd\n' });
});

test('logrotate must get names, not patterns, and the owner of the directory', () => {
  const owner = { user: 'deploy', group: 'www' };
  const text = formatLogrotate({
    config: '/srv/workerctl.yaml',
    folders: [{ logs: ['/a b/[1]*.log'], owner }],
    leftOut: [],
    followsCounts: true,
  });
  expect(text).toContain('"/a b/\\[1\\]\\*.log"\n{\n');
  expect(text).toContain('    su deploy www\n}\n');
});

test('logrotate must get nothing if there is nothing to do', () => {
  const text = formatLogrotate({
    config: '/c',
    folders: [],
    leftOut: ['a is left out'],
    followsCounts: true,
  });
  expect(text.split('\n').every((line) => line === '' || line.startsWith('#'))).toBe(true);
});
