import { expect, test } from 'vitest';
import { durationOf, formatDayAndTime } from '../../src/core/basics/time.ts';
import type { Event, EventBody } from '../../src/core/events/event.ts';
import type { ActOutcome } from '../../src/core/events/outcome.ts';
import { formatOutcome, restartSummary } from '../../src/output/outcome.ts';
import { noon } from '../core/builders.ts';

const eventsOf = (...bodies: readonly EventBody[]): Event[] =>
  bodies.map((body, index) => ({ ...body, at: noon, instance: `mail.${index + 1}` }));
const times = (count: number, body: EventBody): EventBody[] => Array<EventBody>(count).fill(body);
const ready = { kind: 'ready', pid: 7 } as const;
const exited = (ms: number, job?: string): EventBody => ({
  kind: 'exited',
  pid: 7,
  death: { kind: 'exited', status: 0 },
  drained: durationOf(ms),
  ...(job !== undefined && { job }),
});
const killed = { kind: 'killed', pid: 7, processCount: 1, cause: 'limit' } as const;
const leftovers = {
  kind: 'leftovers',
  pid: 7,
  processes: [{ pid: 8, name: 'ruby' }],
  fate: 'killed',
} as const;
const started = { kind: 'started', pid: 7, cause: 'c' } as const;
const failed = { kind: 'start_failed', problem: 'it died', logFile: '/l', log: [] } as const;
const stopped = { kind: 'skipped_stopped', requestedBy: 'ann' } as const;
const held = { kind: 'skipped_held', requestedBy: 'ann', release: 'r1' } as const;

test.each<[EventBody[], string, string]>([
  [
    [exited(400), exited(130_000, 'job 212'), ...times(3, ready)],
    '9f8e7d6',
    '3 restarted (9f8e7d6), 0 killed, longest drain 2m 10s (mail.2, job 212)',
  ],
  [times(3, ready), 'a -> b', '3 restarted (a -> b), 0 killed'],
  [times(3, ready), '', '3 restarted, 0 killed'],
  [
    [ready, failed, killed, stopped, held],
    '',
    '1 restarted, 1 failed, 1 killed, 1 stopped on purpose, 1 held, still on r1',
  ],
  [[ready, leftovers], '', '1 restarted, 1 killed'],
  [[ready, { ...leftovers, fate: 'running' }], '', '1 restarted, 0 killed'],
  [[exited(400), ready], '', '1 restarted, 0 killed, longest drain 0.4s (mail.1)'],
  [[exited(40), ready], '', '1 restarted, 0 killed'],
  [
    [stopped, stopped, held],
    'a -> b',
    'nothing restarted: 2 are stopped on purpose (workerctl start), 1 held, still on r1 (workerctl unhold)',
  ],
  [[], '', '0 restarted, 0 killed'],
])('a restart with %j (%s) must be summed up as: %s', (bodies, change, words) => {
  expect(restartSummary(eventsOf(...bodies), change)).toBe(words);
});

test('an instance whose start failed twice in one command must be counted once', () => {
  const [first] = eventsOf(failed);
  const again = first === undefined ? [] : [first, first, ...eventsOf(ready, failed)];
  expect(restartSummary(again, '')).toBe('1 restarted, 2 failed, 0 killed');
});

const outcome = (more: Partial<ActOutcome>): ActOutcome => ({
  kind: 'acted',
  command: 'restart',
  end: 'done',
  draining: [],
  pending: [],
  events: [],
  ...more,
});
const draining = [
  { instance: 'mail.1', pid: 7, since: durationOf(3_000), cause: 'restart' },
] as const;

test.each<[Partial<ActOutcome>, string[]]>([
  [
    {
      end: 'timed_out',
      draining,
      pending: [{ instance: 'mail.1' }, { instance: 'mail.2' }],
      continues: 'finisher',
      wait: { limit: durationOf(3_000), count: 3 },
    },
    [
      '0 restarted, 0 killed',
      '--wait 3s is over; 1 of 3 is still draining',
      'still draining: mail.1 (pid 7, asked 3s ago, no limit)',
      'not replaced or not ready yet: mail.2',
      'a background process finishes the restart',
    ],
  ],
  [
    { command: 'stop', end: 'interrupted', draining, pending: [{ instance: 'mail.1' }] },
    [
      'interrupted',
      'still draining: mail.1 (pid 7, asked 3s ago, no limit)',
      'they exit when their jobs are done; they are not started again',
    ],
  ],
  [
    {
      end: 'not_waited',
      continues: 'watch',
      events: eventsOf({ kind: 'draining', pid: 7, signal: 'TERM', cause: 'restart' }),
    },
    [
      '0 restarted, 0 killed',
      '1 asked to finish; not waiting for it; the running watch starts its replacement',
    ],
  ],
  [
    { end: 'aborted', events: eventsOf(failed) },
    [
      '0 restarted, 1 failed, 0 killed',
      'the restart has ended: no other instance is asked to stop; workerctl status shows the release of each one',
      'after a fix or a rollback, run workerctl restart again',
    ],
  ],
  [
    { end: 'ended', ended: { id: '5f3c', at: noon, by: 'ops@web2', how: 'cancelled' } },
    [
      '0 restarted, 0 killed',
      `the restart was cancelled by ops@web2 at ${formatDayAndTime(noon, noon)}; workerctl status shows the release of each instance`,
    ],
  ],
  [
    { end: 'lost', pending: [{ instance: 'mail.1' }] },
    [
      '0 restarted, 0 killed',
      'state.json was removed while this command waited: it does not know the restart any more',
      'workerctl status shows the release of each instance; workerctl restart begins again',
    ],
  ],
  [{ command: 'start', events: eventsOf(started) }, ['1 started']],
  [{ command: 'start', events: [started, failed].flatMap((body) => eventsOf(body)) }, ['1 failed']],
  [{ command: 'bootcheck', events: eventsOf(started) }, []],
])('the end %j must have its words', (more, lines) => {
  expect(formatOutcome(outcome(more), noon)).toBe(lines.map((line) => `${line}\n`).join(''));
});
