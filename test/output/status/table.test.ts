import { expect, test } from 'vitest';
import { durationOf, momentOf } from '../../../src/core/basics/time.ts';
import type { InstanceStatus } from '../../../src/core/views/instance-status.ts';
import type { Status } from '../../../src/core/views/status.ts';
import type { Colours } from '../../../src/output/plain.ts';
import { plain } from '../../../src/output/plain.ts';
import { columnNames } from '../../../src/output/status/columns.ts';
import { formatStatus } from '../../../src/output/status/table.ts';
import type { Shape } from '../../../src/output/status/layout.ts';
import width from '../../../src/output/width.ts';
import { instanceOf, statusOfAll } from './statuses.ts';

const at = momentOf(1_790_000_000_000);
const minutes = (count: number) => durationOf(count * 60_000);

const remedy =
  'pid 5841 exited 3s ago: status 1; failed 4 times in a row; next start in 12s, at 11:38:53; to start now: workerctl start mail.3';

const busy: Partial<InstanceStatus> = {
  activity: {
    kind: 'busy',
    count: 1,
    jobs: [{ what: 'import 212', since: momentOf(at - 130_000) }],
  },
  usual: minutes(3),
};

const some = [
  instanceOf('mail.1', busy),
  instanceOf('mail.2', { activity: { kind: 'idle' }, restarts: { all: 3, unexpected: 2 } }),
  { name: 'mail.3', worker: 'mail', state: 'backoff', isOutdated: false, detail: remedy } as const,
];

const shown = (
  instances: readonly InstanceStatus[],
  shape: Shape = {},
  more: Partial<Status> = {},
): string => formatStatus(statusOfAll(instances, { at, ...more }), plain, shape);

const linesOf = (...args: Parameters<typeof shown>): string[] => shown(...args).split('\n');

test('in 80 columns no line may be longer, and the whole reason with its remedy must be readable', () => {
  for (const columns of [80, 60, 40]) {
    const lines = linesOf(some, { columns });
    for (const line of lines) expect(width(line), line).toBeLessThanOrEqual(columns);
    expect(lines.join(' ').replaceAll(/\s+/g, ' ')).toContain(remedy);
  }
  expect(shown(some, { columns: 80 })).toMatch(/^mail\.3 .*\n {4}pid 5841 exited/m);
});

test('a column that a narrow terminal has no room for must be named below the table', () => {
  const text = shown(some, { columns: 50 });
  expect(text).toMatch(/^not shown at this width: cpu, memory \(--wide shows\s+all\)$/m);
  expect(shown(some, { columns: 120 })).not.toContain('not shown');
});

test('--wide must show each instance on one line with all columns, whatever the terminal', () => {
  const [header, ...lines] = linesOf(some, { columns: 40, isWide: true });
  expect(header?.toLowerCase().split(/ +/)).toEqual(columnNames);
  expect(lines.slice(0, 3).map((line) => line.split(' ')[0])).toEqual([
    'mail.1',
    'mail.2',
    'mail.3',
  ]);
  expect(lines[2]).toContain(remedy);
});

test('a pipe must get the same columns whatever their values are', () => {
  const header = (instances: readonly InstanceStatus[]) => linesOf(instances)[0]?.split(/ +/);
  expect(header([instanceOf('a.1')])).toEqual(header(some));
  expect(header([instanceOf('a.1'), instanceOf('a.2')])).toEqual(header(some));
});

test('on a terminal a value that all instances share must stand below the table, once', () => {
  const same = {
    release: '7f3a2c1',
    activity: { kind: 'idle' } as const,
    detail: 'outdated by hand',
  };
  const all = [instanceOf('mail.1', same), instanceOf('mail.2', same)];
  const text = shown(all, { columns: 100 }, { isReleaseNamed: true });
  expect(text.match(/7f3a2c1|idle|outdated by hand/g)).toHaveLength(3);
  expect(text).toMatch(/^all: no restarts in 24 h, .*release 7f3a2c1, idle, outdated by hand$/m);
  expect(text).not.toMatch(/RESTARTS|RELEASE|JOB|DETAIL/);
  const other = [...all, instanceOf('mail.3', { ...same, release: '9e8d7c6' })];
  expect(shown(other, { columns: 100 }, { isReleaseNamed: true })).toMatch(/RELEASE/);
});

test('one instance must keep its columns: there is nothing to compare it with', () => {
  expect(shown([instanceOf('mail.1')], { columns: 100 })).not.toMatch(/^all:/m);
});

test('a job must say since when it runs and how long such jobs usually take', () => {
  expect(shown(some)).toContain('import 212 for 2m 10s, usually 3m');
  const draining = instanceOf('mail.1', {
    state: 'draining',
    detail: 'asked 5s ago',
    usual: minutes(2),
  });
  expect(shown([draining])).toContain('asked 5s ago; usually takes 2m');
});

test('restarts must say how many were not asked for', () => {
  expect(shown(some)).toMatch(/^mail\.2 .* 3 \(2 died\) /m);
});

test('wide characters must keep the columns straight', () => {
  const all = ['導入 212', 'import', '🚀 launch', 'é́tude'].map((what, index) =>
    instanceOf(`mail.${index}`, {
      activity: { kind: 'busy', count: 1, jobs: [{ what }] },
      detail: 'HERE',
      restarts: { all: index, unexpected: 0 },
    }),
  );
  all.push(instanceOf('mail.9', { detail: 'THERE' }));
  const starts = linesOf(all)
    .filter((line) => line.endsWith('HERE'))
    .map((line) => width(line.slice(0, line.search(/T?HERE$/))));
  expect(starts).toHaveLength(5);
  expect(new Set(starts).size).toBe(1);
});

test('--columns must show these and no others, in this order', () => {
  const lines = linesOf(some, { columns: 80, chosen: ['memory', 'instance'] });
  expect(lines.slice(0, 3).map((line) => line.trim())).toEqual([
    'MEMORY  INSTANCE',
    '20MB  mail.1',
    '20MB  mail.2',
  ]);
});

test('--state must choose what is shown; none is said, and the sums stay those of all', () => {
  const text = shown(some, { states: ['backoff'] });
  expect(text).toMatch(/^mail\.3 /m);
  expect(text).not.toMatch(/^mail\.[12] /m);
  const none = shown(some.slice(0, 2), { states: ['backoff', 'late'] });
  expect(none).toBe('no instance is backoff or late\n\n2 wanted, 2 up, 2 ready\n');
});

test('of more than 20 instances each worker must be summed up', () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, index) =>
      instanceOf(`${index < 15 ? 'mail' : 'web'}.${index}`, {
        restarts: { all: 2, unexpected: 1 },
      }),
    );
  expect(shown(many(20))).not.toContain('WORKER');
  const text = shown(many(21), {}, { desired: { mail: 15, web: 7 } });
  expect(text).toMatch(/^mail +15 +15 +15 +30 \(15 died\) +15m +300MB$/m);
  expect(text).toMatch(/^web +7 +6 +6 +12 \(6 died\) +6m +120MB$/m);
});

test('the numbers of the sums must be aligned to the right, and a worker without a process has none', () => {
  const down = { name: 'web.1', worker: 'web', state: 'missing', isOutdated: false } as const;
  const mail = Array.from({ length: 100 }, (_, index) => instanceOf(`mail.${index + 1}`));
  const lines = linesOf([...mail, { ...down, detail: '' }], {}, { desired: { mail: 100, web: 1 } });
  const sums = lines.slice(lines.findIndex((line) => line.startsWith('WORKER'))).slice(0, 3);
  const ends = ['WANTED', 'UP', 'READY', 'RESTARTS', 'CPU', 'MEMORY'].map((head) => {
    const end = (sums[0]?.indexOf(head) ?? 0) + head.length;
    return sums.slice(1).map((line) => /^\S(?: |$)/.test(line.slice(end - 1)));
  });
  expect(ends, sums.join('\n')).toEqual(Array(6).fill([true, true]));
  expect(sums[2]).toMatch(/^web +1 +0 +0 +0 +- +- +1 missing$/);
});

test('one release of all that run must stand below the table, also if others do not run', () => {
  const release = '7f3a2c1';
  const running = ['mail.1', 'mail.2'].map((name) => instanceOf(name, { release }));
  const down = { name: 'mail.3', worker: 'mail', state: 'missing', isOutdated: false } as const;
  const named = { isReleaseNamed: true };
  const text = shown([...running, { ...down, detail: '' }], { columns: 80 }, named);
  expect(text).toMatch(/^all that run: release 7f3a2c1$/m);
  expect(text).not.toContain('RELEASE');
  expect(shown(running, { columns: 80 }, named)).toMatch(/^all: .*release 7f3a2c1/m);
  const other = instanceOf('mail.4', { release: 'b' });
  const differing = shown([...running, other], { columns: 80 }, named);
  expect(differing).toMatch(/ RELEASE/);
  expect(differing).not.toMatch(/^all.*release/m);
  const alone = shown(
    [instanceOf('mail.1', { release }), { ...down, detail: '' }],
    { columns: 80 },
    named,
  );
  expect(alone, 'of one only').toMatch(/ RELEASE/);
});

test('each state must be painted on its own, and nothing else may change', () => {
  const marked: Colours = {
    ...plain,
    level: 1,
    green: (text) => `<${text}>`,
    red: (text) => `!${text}!`,
  };
  const text = formatStatus(statusOfAll([instanceOf('ready.1')], { at }), marked, {});
  expect(text).toMatch(/^ready\.1 {3}<ready> /m);
  expect(text.replaceAll(/[<>]/g, '')).toBe(shown([instanceOf('ready.1')]));
});
