import { expect, test } from 'vitest';
import {
  formatDrain,
  formatEvent,
  isFailure,
  type EventBody,
} from '../../../src/core/events/event.ts';
import { durationOf } from '../../../src/core/basics/time.ts';
import { busy, noon, noonPlus, seconds } from '../builders.ts';

const wordsOf = (body: EventBody, instance = 'mail.1'): string =>
  formatEvent({ ...body, at: noon, instance });
const exited = { kind: 'exited', status: 0 } as const;
const cause = 'restart of 12:00:00 by ann@web1';

test.each<[EventBody, string]>([
  [
    { kind: 'asked', pid: 10, signal: 'TERM', cause },
    'mail.1: asked pid 10 to finish (TERM, no limit): restart of 12:00:00 by ann@web1',
  ],
  [
    { kind: 'asked', pid: 10, signal: 'TERM', limit: seconds(600), cause },
    'mail.1: asked pid 10 to finish (TERM, killed after 10m): restart of 12:00:00 by ann@web1',
  ],
  [
    { kind: 'quieted', pid: 10, signal: 'TSTP', stopsWhenIdle: true, cause },
    'mail.1: asked pid 10 to take no new job (TSTP): restart of 12:00:00 by ann@web1',
  ],
  [{ kind: 'resumed', pid: 10, signal: 'CONT' }, 'mail.1: asked pid 10 to take jobs again (CONT)'],
  [{ kind: 'moved', pid: 10 }, 'mail.1: pid 10 leaves beside its replacement'],
  [
    { kind: 'killed', pid: 10, processes: 3, job: 'job 212', cause: 'it has not left for 10m' },
    'mail.1: killed pid 10 and its session (3 processes) during job 212: it has not left for 10m',
  ],
  [
    { kind: 'killed', pid: 10, processes: 1, cause: 'it has not left for 10m' },
    'mail.1: killed pid 10 and its session (1 processes): it has not left for 10m',
  ],
  [{ kind: 'left', pid: 10, death: exited }, 'mail.1: pid 10 has left: exit status 0'],
  [
    { kind: 'left', pid: 10, death: exited, drained: durationOf(20) },
    'mail.1: pid 10 has left at once: exit status 0',
  ],
  [
    { kind: 'left', pid: 10, death: exited, drained: seconds(130), job: 'job 212' },
    'mail.1: pid 10 has left after 2m 10s (job 212): exit status 0',
  ],
  [{ kind: 'ready', pid: 10 }, 'mail.1: pid 10 is ready'],
  [{ kind: 'ready', pid: 10, release: 'a1b2c3d' }, 'mail.1: pid 10 is ready (a1b2c3d)'],
  [
    { kind: 'proven', release: 'a1b2c3d' },
    'mail.1 has proven the new code (a1b2c3d): the others follow',
  ],
  [
    { kind: 'aborted', reason: 'pid 10 is not ready after 1m', untouched: 2 },
    'restart aborted by mail.1: pid 10 is not ready after 1m; 2 run on untouched',
  ],
  [{ kind: 'aborted', reason: 'it died', untouched: 0 }, 'restart aborted by mail.1: it died'],
  [
    { kind: 'taken_over', by: 'bob@web1', since: noon },
    'mail.1: the restart of 12:00:00 by bob@web1 has taken over',
  ],
  [
    { kind: 'left_held', by: 'ann@web1', until: noonPlus(seconds(60)) },
    'mail.1 is held by ann@web1 until 12:01:00: left alone; workerctl unhold mail.1 ends that',
  ],
  [{ kind: 'up_to_date', release: 'a1' }, 'mail.1 runs release a1 already: left alone'],
  [{ kind: 'held' }, 'mail.1 is left alone'],
  [{ kind: 'held', until: noonPlus(seconds(60)) }, 'mail.1 is left alone until 12:01:00'],
  [{ kind: 'unheld' }, 'mail.1 is watched again'],
  [{ kind: 'already_quiet' }, 'mail.1 takes no new job already'],
  [{ kind: 'not_quiet' }, 'mail.1 was not quiet'],
  [{ kind: 'not_running' }, 'mail.1 is not running'],
])('%j must read so', (body, words) => {
  expect(wordsOf(body)).toBe(words);
});

test('an old process that leaves must be told by its instance', () => {
  const body = { kind: 'left', pid: 10, death: exited } as const;
  expect(formatEvent({ ...body, at: noon, instance: 'mail.1', retiring: '2298f067' })).toBe(
    'mail.1 (retiring): pid 10 has left: exit status 0',
  );
});

test.each<[EventBody, boolean]>([
  [{ kind: 'aborted', reason: 'it died', untouched: 2 }, true],
  [{ kind: 'taken_over', by: 'bob@web1', since: noon }, true],
  [{ kind: 'killed', pid: 10, processes: 1, cause: 'it has not left' }, false],
  [{ kind: 'left_held', by: 'ann@web1' }, false],
])('%j must be a failure or none', (body, isOne) => {
  expect(isFailure({ ...body, at: noon, instance: 'mail.1' })).toBe(isOne);
});

test.each([
  [{}, 'no limit'],
  [{ limit: seconds(90) }, 'killed in 1m 30s'],
  [
    { activity: { ...busy, since: noonPlus(seconds(-130)) }, limit: seconds(5) },
    'job 212 for 2m 10s, killed in 5s',
  ],
])('a drain %j must read "%s"', (more, words) => {
  const drain = { instance: 'mail.1', pid: 10, since: seconds(3), cause, ...more };
  expect(formatDrain(drain, noon)).toBe(words);
});
