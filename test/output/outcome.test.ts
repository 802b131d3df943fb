import { expect, test } from 'vitest';
import { durationOf, formatDayAndTime, momentOf } from '../../src/core/basics/time.ts';
import type { Event, EventBody } from '../../src/core/events/event.ts';
import type { ActOutcome } from '../../src/core/events/outcome.ts';
import { formatOutcome, restartSummary } from '../../src/output/outcome.ts';
import { noon } from '../core/builders.ts';

const eventsOf = (...bodies: readonly EventBody[]): Event[] =>
  bodies.map((body, index) => ({ ...body, at: noon, instance: `mail.${index + 1}` }));
const times = (count: number, body: EventBody): EventBody[] => Array<EventBody>(count).fill(body);
const ready = { kind: 'ready', pid: 7 } as const;
const exited = (ms: number, job?: string, jobMs?: number): EventBody => ({
  kind: 'exited',
  pid: 7,
  death: { kind: 'exited', status: 0 },
  drained: durationOf(ms),
  ...(job !== undefined && { job }),
  ...(jobMs !== undefined && { jobTime: durationOf(jobMs) }),
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

const outcome = (more: Partial<ActOutcome>): ActOutcome => ({
  kind: 'acted',
  command: 'restart',
  end: 'done',
  draining: [],
  pending: [],
  events: [],
  ...more,
});
/** A restart of so many that began four minutes and ten seconds before noon. */
const restartOf = (count: number, ...releases: string[]): Partial<ActOutcome> => ({
  restart: { count, releases, begunAt: momentOf(noon - 250_000) },
});

test.each<[EventBody[], Partial<ActOutcome>, string]>([
  [
    [exited(400), exited(130_000, 'import 212', 238_000), ...times(12, ready)],
    restartOf(12, '7f3a2c1'),
    '12 of 12 on 7f3a2c1 in 4m10s, longest job 3m58s (import 212), none killed',
  ],
  [
    [exited(400), exited(130_000, 'job 212'), ...times(3, ready)],
    restartOf(3, '9f8e7d6'),
    '3 of 3 on 9f8e7d6 in 4m10s, longest drain 2m10s (mail.2, job 212), none killed',
  ],
  [times(3, ready), restartOf(3, 'a', 'b'), '3 of 3 on a and b in 4m10s, none killed'],
  [times(3, ready), restartOf(4), '3 of 4 in 4m10s, none killed'],
  [
    [ready, failed, killed, stopped, held],
    restartOf(3, 'r2'),
    '1 of 3 on r2 in 4m10s, 1 failed, 1 stopped on purpose, 1 held, still on r1, 1 killed',
  ],
  [[failed], restartOf(3, 'r2'), '0 of 3 in 4m10s, 1 failed, none killed'],
  [[ready, leftovers], restartOf(1), '1 of 1 in 4m10s, 1 killed'],
  [[ready, { ...leftovers, fate: 'running' }], restartOf(1), '1 of 1 in 4m10s, none killed'],
  [[exited(400), ready], restartOf(1), '1 of 1 in 4m10s, longest drain 0.4s (mail.1), none killed'],
  [[exited(40), ready], restartOf(1), '1 of 1 in 4m10s, none killed'],
  [
    [stopped, stopped, held],
    restartOf(0),
    'nothing restarted: 2 are stopped on purpose (workerctl start), 1 held, still on r1 (workerctl unhold)',
  ],
  [[], restartOf(0), 'nothing to restart'],
  [[], { ...restartOf(2), end: 'not_waited' }, ''],
])('a restart with %j (%j) must be summed up as: %s', (bodies, more, words) => {
  expect(restartSummary(outcome({ events: eventsOf(...bodies), ...more }), noon)).toBe(words);
});

test('an instance whose start failed twice in one command must be counted once', () => {
  const [first] = eventsOf(failed);
  const again = first === undefined ? [] : [first, first, ...eventsOf(ready, failed)];
  expect(restartSummary(outcome({ events: again, ...restartOf(3) }), noon)).toBe(
    '1 of 3 in 4m10s, 2 failed, none killed',
  );
});

test('an instance that was ready and has died since must not be counted as running', () => {
  const [one, two] = eventsOf(ready, ready);
  const [died] = eventsOf(failed);
  const events = [one, died, two].flatMap((event) => event ?? []);
  expect(restartSummary(outcome({ events, ...restartOf(2, 'r2') }), noon)).toBe(
    '1 of 2 on r2 in 4m10s, 1 failed, none killed',
  );
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
      '--wait 3s is over; 1 of 3 is still draining',
      'still draining: mail.1 (pid 7, asked 3s ago, no limit)',
      'not replaced or not ready yet: mail.2',
      'a background process finishes the restart',
      '0 of 3 in 4m10s, none killed',
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
    ['1 asked to finish; not waiting for it; the running watch starts its replacement'],
  ],
  [
    { end: 'aborted', events: eventsOf(failed) },
    [
      'the restart has ended: no other instance is asked to stop; workerctl status shows the release of each one',
      'after a fix or a rollback, run workerctl restart again',
      '0 of 3 in 4m10s, 1 failed, none killed',
    ],
  ],
  [
    { end: 'ended', ended: { id: '5f3c', at: noon, by: 'ops@web2', how: 'cancelled' } },
    [
      `the restart was cancelled by ops@web2 at ${formatDayAndTime(noon, noon)}; workerctl status shows the release of each instance`,
      '0 of 3 in 4m10s, none killed',
    ],
  ],
  [
    { end: 'lost', pending: [{ instance: 'mail.1' }] },
    [
      'state.json was removed while this command waited: it does not know the restart any more',
      'workerctl status shows the release of each instance; workerctl restart begins again',
      '0 of 3 in 4m10s, none killed',
    ],
  ],
  [{ command: 'start', events: eventsOf(started) }, ['1 started']],
  [{ command: 'start', events: [started, failed].flatMap((body) => eventsOf(body)) }, ['1 failed']],
  [{ command: 'bootcheck', events: eventsOf(started) }, []],
])('the end %j must have its words', (more, lines) => {
  expect(formatOutcome(outcome({ ...restartOf(3), ...more }), noon)).toBe(
    lines.map((line) => `${line}\n`).join(''),
  );
});
