import { busyWith } from '../../../src/core/model/activity.ts';
import { expect, test } from 'vitest';
import { durationOf } from '../../../src/core/basics/time.ts';
import { eventLine, resultLine } from '../../../src/output/json/stream.ts';
import { noon } from '../../core/builders.ts';

const at = new Date(noon).toISOString();

test('an event must be one line for any texts', () => {
  const line = eventLine({
    kind: 'start_failed',
    at: noon,
    instance: 'mail.1',
    problem: 'exit status 1',
    logFile: '/l',
    log: ['first', 'second\nthird'],
  });
  expect(line).toMatch(/^\{"schema":2,"at":"[^\n]*\}\n$/);
  expect(JSON.parse(line)).toMatchObject({
    at,
    kind: 'start_failed',
    level: 'error',
    instance: 'mail.1',
    log: ['first', 'second\nthird'],
  });
});

test('the result of a command that acts must say how it ended and what it still waited for', () => {
  const line = resultLine({
    command: 'restart',
    exitCode: 124,
    outcome: {
      kind: 'acted',
      command: 'restart',
      end: 'timed_out',
      draining: [
        {
          instance: 'mail.1',
          retiring: '2298f067',
          pid: 7,
          since: durationOf(2_000),
          limit: durationOf(30_000),
          activity: busyWith([{ what: 'job 212', since: noon }]),
          cause: 'restart',
        },
        { instance: 'mail.2', pid: 8, since: durationOf(500), cause: 'restart' },
      ],
      pending: [
        { instance: 'mail.1' },
        { instance: 'mail.1', retiring: '5f3c2a9e' },
        { instance: 'mail.2' },
      ],
      events: [
        { kind: 'retired', pid: 7, at: noon, instance: 'mail.1' },
        { kind: 'ready', pid: 9, at: noon, instance: 'mail.3' },
        { kind: 'ready', pid: 10, at: noon, instance: 'mail.4' },
      ],
      change: 'a -> b',
    },
  });
  expect(line.split('\n')).toHaveLength(2);
  expect(JSON.parse(line)).toEqual({
    schema: 2,
    kind: 'result',
    command: 'restart',
    exit_code: 124,
    outcome: 'timed_out',
    counts: { retired: 1, ready: 2 },
    draining: [
      {
        instance: 'mail.1',
        retiring: true,
        pid: 7,
        since_seconds: 2,
        limit_seconds: 30,
        activity: {
          state: 'busy',
          job: 'job 212',
          since: at,
          jobs: [{ job: 'job 212', since: at }],
          job_count: 1,
        },
        cause: 'restart',
      },
      {
        instance: 'mail.2',
        pid: 8,
        since_seconds: 0.5,
        limit_seconds: null,
        activity: null,
        cause: 'restart',
      },
    ],
    pending: ['mail.1', 'mail.2'],
    change: 'a -> b',
  });
});

test('the result of any stream must name its command and exit code', () => {
  expect(resultLine({ command: 'events', exitCode: 0, skippedLines: 3 })).toBe(
    '{"schema":2,"kind":"result","command":"events","outcome":"done","exit_code":0,"skipped_lines":3}\n',
  );
  expect(JSON.parse(resultLine({ command: 'watch', exitCode: 130 }))).toMatchObject({
    outcome: 'interrupted',
  });
  expect(JSON.parse(resultLine({ command: 'logs', exitCode: 1 }))).toMatchObject({
    outcome: 'failed',
  });
});
