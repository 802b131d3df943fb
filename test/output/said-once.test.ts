import { expect, test } from 'vitest';
import { durationOf } from '../../src/core/basics/time.ts';
import { formatEvent, type Event, type EventBody } from '../../src/core/events/event.ts';
import { sayingOnce } from '../../src/output/said-once.ts';
import { noon } from '../core/builders.ts';

const problem = 'pid 9 exited before it was ready: status 3';
const failed = { kind: 'start_failed', problem, logFile: '/l', log: [] } as const;
const backoff = {
  kind: 'backoff',
  failures: 1,
  delay: durationOf(1_000),
  startsAt: noon,
  problem: 'failed once before it was ready: exit status 3',
} as const;
const aborted = { kind: 'rollout_aborted', problem, pendingCount: 4 } as const;
const exited = { kind: 'exited', pid: 7, death: { kind: 'exited', status: 0 } } as const;
const started = (cause: string) => ({ kind: 'started', pid: 8, cause }) as const;

const wordsOf = (...bodies: readonly EventBody[]): string[] => {
  const once = sayingOnce();
  const events = bodies.map((body): Event => ({ ...body, at: noon, instance: 'mail.1' }));
  return events.map((event) => formatEvent(once(event)).replace(/^mail\.1: /, ''));
};

test('why a start failed must be printed once', () => {
  expect(wordsOf(failed, backoff, aborted)).toEqual([
    `start failed: ${problem}`,
    'next start at 12:00:00; to start it now: workerctl start mail.1',
    'restart aborted; 4 instances keep running the old release',
  ]);
});

test('a reason that was not printed must be', () => {
  expect(wordsOf(aborted, backoff)).toEqual([
    `restart aborted: ${problem}; 4 instances keep running the old release`,
    `next start at 12:00:00 (${backoff.problem}); to start it now: workerctl start mail.1`,
  ]);
  const other = { ...aborted, problem: 'no such user' };
  expect(wordsOf(failed, other)[1]).toContain('restart aborted: no such user;');
});

test('how the old process ended must be printed once', () => {
  const cause = 'pid 7 exited as asked: status 0';
  expect(wordsOf(exited, started(cause))[1]).toBe('started pid 8');
  expect(wordsOf(started(cause))[0]).toBe(`started pid 8 (${cause})`);
  expect(wordsOf(exited, started('pid 70 exited as asked: status 0'))[1]).toContain('pid 70');
  expect(wordsOf(exited, started('was not running'))[1]).toBe('started pid 8 (was not running)');
});
