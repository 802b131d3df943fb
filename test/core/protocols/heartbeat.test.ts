import { describe, expect, test } from 'vitest';
import { formatActivity } from '../../../src/core/model/activity.ts';
import { parseHeartbeat } from '../../../src/core/protocols/heartbeat.ts';
import { momentOf } from '../../../src/core/basics/time.ts';

const writtenAt = momentOf(1_700_000_000_000);
const now = momentOf(1_700_000_500_000);

const parse = (text: string, isCut = false) => parseHeartbeat({ text, isCut, writtenAt }, now);

/** What is busy with what, in words. */
const words = (text: string, isCut = false): string | undefined => {
  const activity = parse(text, isCut);
  return activity && formatActivity(activity, now);
};

describe('a set of jobs', () => {
  test('must have each job with its start, the oldest first', () => {
    expect(parse('jobs 3 1700000450\n1700000300 b\n1700000100.5 a 1\nc\n')).toEqual({
      kind: 'busy',
      jobs: [
        { what: 'a 1', since: 1_700_000_100_500 },
        { what: 'b', since: 1_700_000_300_000 },
        { what: 'c' },
      ],
      count: 3,
    });
  });

  test.each([
    ['jobs 1 1700000400\n1700000380 a', 'a for 2m'],
    ['jobs 3\n1700000440 b\n1700000380 a\n1700000480 c', 'a for 2m +2'],
    ['jobs 2\n1700000380\n1700000440', 'busy for 2m +1'],
    ['jobs 0', 'idle'],
    ['jobs 0 1700000400\n', 'idle'],
    ['  jobs   0 \r\n', 'idle'],
  ])('%j must read %j', (text, expected) => {
    expect(words(text)).toBe(expected);
  });

  test('must be idle since its last change, and say that it counts', () => {
    const idle = { kind: 'idle', isCounted: true };
    expect(parse('jobs 0 1700000400\n')).toEqual({ ...idle, since: 1_700_000_400_000 });
    expect(parse('jobs 0 soon')).toEqual({ ...idle, since: writtenAt });
    expect(parse('jobs 0')).toEqual({ ...idle, since: writtenAt });
    expect(parse('idle')).toEqual({ kind: 'idle', since: writtenAt });
  });

  test.each([
    ['jobs 2', 'busy +1'], // its lines are lost
    ['jobs 2\n\n\n', 'busy +1'],
    ['jobs 3\n1700000380 a', 'a for 2m +2'],
    ['jobs 0\n1700000380 a', 'a for 2m'],
    ['jobs x\n1700000380 a', 'a for 2m'],
    ['jobs\n1700000380 a', 'a for 2m'],
    ['jobs -1\n1700000380 a', 'a for 2m'],
    ['jobs 99999999999\n1700000380 a', 'a for 2m'],
    ['jobs 2\n17000 a\n1700000380 b', 'b for 2m +1'],
    ['jobs 2\n99999999999999999999 a\n1700000380 b', 'b for 2m +1'],
    ['jobs 1\n1700000380.', 'busy'],
    ['jobs 2\n\u0000\u0000\u0000\n1700000380 b', 'b for 2m +1'],
  ])('%j is damaged and must be busy: %j', (text, expected) => {
    expect(words(text)).toBe(expected);
  });

  test.each([
    'jobs',
    'jobs x',
    'jobs 99999999',
    'jobs -0',
    'jobs 0x',
    'job 0',
    'jobs0',
    'jobs 0 1 2',
  ])('%j must not be idle', (text) => {
    expect(parse(text)).toBeUndefined();
  });

  test('must not be idle if it is cut off, and must have no half of a line', () => {
    expect(parse('jobs 0', true)).toBeUndefined();
    expect(words('jobs 3\n1700000380 a\n1700000440 b\n1700000480 c', true)).toBe('a for 2m +2');
    expect(parse('jobs 2\n1700000380 a\n17000004', true)).toMatchObject({
      jobs: [{ what: 'a' }],
      count: 2,
    });
  });

  test('must have at most 100 jobs, the oldest, and their number', () => {
    const lines = Array.from(
      { length: 300 },
      (_, index) => `${1_700_000_300 - index} job ${index}`,
    );
    const found = parse(`jobs 300\n${lines.join('\n')}\n`);
    expect(found).toMatchObject({ kind: 'busy', count: 300 });
    const jobs = found?.kind === 'busy' ? found.jobs : [];
    expect(jobs).toHaveLength(100);
    expect(jobs[0]).toEqual({ what: 'job 299', since: 1_700_000_001_000 });
  });

  test('must be safe for a terminal, and each job short', () => {
    expect(
      parse(`jobs 2\n1700000380 \u001b[2Ja\u202eb\n1700000381 ${'🦊'.repeat(300)}`),
    ).toMatchObject({
      jobs: [{ what: '[2Ja b' }, { what: '🦊'.repeat(200) }],
    });
  });
});
