import { expect, test } from 'vitest';
import { momentOf } from '../../src/core/basics/time.ts';
import { createLogFormat } from '../../src/output/log-line.ts';
import { formatLogrotate } from '../../src/output/install/logrotate.ts';

const format = (look: object, label: string, line: string | Buffer): string =>
  createLogFormat({ isRaw: false, hasColours: false, json: false, ...look }, () => 6)(
    { label },
    { line: Buffer.from(line) },
  ).toString();

test('a line must not control the terminal: colours stay and end, everything else is written out', () => {
  expect(format({}, 'a.1', 'x\u001b[31mred\u001b[2J\u0007\tend\r')).toBe(
    'a.1    | x\u001b[31mred^[[2J^G\tend\u001b[0m\n',
  );
  expect(format({}, 'a.1', '\u009b2J')).toBe('a.1    | \\u009b2J\n');
});

test('each label must have a colour of its own, and keep it', () => {
  const colourful = createLogFormat({ isRaw: false, hasColours: true, json: false }, () => 3);
  const line = (label: string): string =>
    colourful({ label }, { line: Buffer.from('x') }).toString();
  expect(line('a.1')).toBe('\u001b[36ma.1 | \u001b[0mx\n');
  expect(line('b.1')).toBe('\u001b[33mb.1 | \u001b[0mx\n');
  expect(line('a.1')).toContain('[36m');
});

test('JSON must be one object a line, for any bytes', () => {
  const text = format({ json: true }, 'a.1', Buffer.from([0x22, 0xff, 0x0a]));
  expect(text.split('\n')).toHaveLength(2);
  expect(JSON.parse(text)).toEqual({
    ...{ schema: 2, kind: 'log', instance: 'a.1', stream: 'output', at: null, level: null },
    line: '"\ufffd\n',
  });
});

test('a time must stand before a line that has one, and the others be as far from the left', () => {
  const timed = createLogFormat(
    { isRaw: false, hasColours: false, hasTimes: true, json: false },
    () => 3,
  );
  const ownTime = momentOf(new Date(2026, 0, 15, 12, 3, 4, 120).getTime());
  expect(timed({ label: 'a.1' }, { line: Buffer.from('x'), ownTime }).toString()).toBe(
    'a.1 | 2026-01-15 12:03:04.120 x\n',
  );
  expect(timed({ label: 'a.1' }, { line: Buffer.from('y') }).toString()).toBe(
    `a.1 | ${' '.repeat(24)}y\n`,
  );
});

test('raw lines must be the bytes and nothing else', () => {
  const bytes = Buffer.from([0x00, 0xff, 0x1b, 0x5b, 0x41]);
  const look = { isRaw: false, isBare: true, hasColours: true, json: false };
  expect(createLogFormat(look, () => 3)({ label: 'a.1' }, { line: bytes })).toEqual(
    Buffer.concat([bytes, Buffer.from('\n')]),
  );
});

test('the log of standard error must have the colour of its instance, and a name of its own', () => {
  const colourful = createLogFormat({ isRaw: false, hasColours: true, json: false }, () => 7);
  const line = Buffer.from('x');
  expect(colourful({ label: 'a.1' }, { line }).toString()).toContain('[36ma.1     | ');
  expect(colourful({ label: 'a.1', isError: true }, { line }).toString()).toContain(
    '[36ma.1 err | ',
  );
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
