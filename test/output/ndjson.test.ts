import { expect, test } from 'vitest';
import type { Event } from '../../src/core/events/event.ts';
import { durationOf } from '../../src/core/basics/time.ts';
import { eventLine, resultLine } from '../../src/output/json.ts';
import { noon } from '../core/builders.ts';

const at = new Date(noon).toISOString();
const about = { at: noon, instance: 'mail.1', pid: 7 } as const;

test('an event must be one compact line, in snake case', () => {
  const log = ['first', 'second\nthird'];
  const line = eventLine({
    kind: 'start_failed',
    ...about,
    reason: 'r',
    logFile: '/l',
    log,
  });
  expect(line).toMatch(/^\{"schema":2,"event":\{"at":"[^\n]*\}\}\n$/);
  expect(JSON.parse(line)).toEqual({
    schema: 2,
    event: {
      at,
      kind: 'start_failed',
      instance: 'mail.1',
      pid: 7,
      reason: 'r',
      log_file: '/l',
      log,
    },
  });
});

test('lengths must be in seconds, keys further in in snake case, too', () => {
  const death = { kind: 'signalled', signal: 6, coreDumped: true } as const;
  const line = eventLine({ kind: 'left', ...about, death, drained: durationOf(1_500) });
  expect(JSON.parse(line)).toMatchObject({
    event: { drained_s: 1.5, death: { kind: 'signalled', signal: 6, core_dumped: true } },
  });
  const others = { limit: durationOf(30_000), after: durationOf(0), draining: durationOf(2_000) };
  const { event } = JSON.parse(eventLine({ kind: 'refused', ...about, ...others })) as {
    event: object;
  };
  expect(event).toEqual({
    at,
    kind: 'refused',
    instance: 'mail.1',
    pid: 7,
    limit_s: 30,
    after_s: 0,
    draining_s: 2,
  });
});

test('moments must be ISO 8601', () => {
  const line = eventLine({ ...about, kind: 'taken_over', by: 'deploy@web1', since: noon });
  expect(JSON.parse(line)).toMatchObject({ event: { at, since: at } });
});

test('what only has the name of a length must stay as it is', () => {
  const line = eventLine({ kind: 'ready', ...about, after: 'boot' } as Event);
  expect(JSON.parse(line)).toMatchObject({ event: { after: 'boot' } });
});

test('the result must be one compact line with all that the end of a command has', () => {
  const draining = {
    instance: 'mail.1',
    pid: 7,
    since: durationOf(2_000),
    limit: durationOf(30_000),
    activity: { kind: 'busy', what: 'job 212', since: noon },
    cause: 'restart',
  } as const;
  const line = resultLine(
    {
      kind: 'acted',
      command: 'restart',
      end: 'timed_out',
      draining: [draining],
      pending: ['mail.1'],
      events: [],
    },
    124,
    { killed: 0 },
  );
  expect(line).toBe(
    `{"schema":2,"result":{"command":"restart","end":"timed_out","exit_code":124,"draining":[{"instance":"mail.1","pid":7,"since_s":2,"limit_s":30,"activity":{"kind":"busy","what":"job 212","since":"${at}"},"cause":"restart"}],"pending":["mail.1"],"killed":0}}\n`,
  );
});
