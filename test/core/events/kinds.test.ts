import { busyWith } from '../../../src/core/model/activity.ts';
import { describe, expect, test } from 'vitest';
import { schemaVersion } from '../../../src/core/basics/schema-version.ts';
import { durationOf } from '../../../src/core/basics/time.ts';
import { formatDrain } from '../../../src/core/events/draining.ts';
import {
  audienceOf,
  formatEvent,
  formatWatchEvent,
  isFailure,
  levelOf,
  type EventBody,
} from '../../../src/core/events/event.ts';
import { eventJson } from '../../../src/core/events/event-json.ts';
import { allEventKinds } from '../../../src/core/events/table.ts';
import { noon, noonPlus, seconds } from '../builders.ts';
import { commonMembers, membersOfKind } from './json-schema.ts';
import { sampleEvent, samples } from './samples.ts';

const sentenceOf = (body: EventBody, instance = 'mail.1'): string =>
  formatEvent({ ...body, at: noon, instance });
const exited = { kind: 'exited', status: 0 } as const;
const cause = 'restart of 12:00:00 by ann@web1';
const run = { pid: 10, runId: 'f00' };

describe.each(allEventKinds)('%s', (kind) => {
  const { level, sentence, watch, json, instance = 'mail.1' } = samples[kind];
  const event = sampleEvent(kind);

  test('must have its level', () => {
    expect(levelOf(event)).toBe(level);
  });

  test('must name the instance first, and then say what happened', () => {
    expect(formatEvent(event).startsWith(`${instance}: `)).toBe(true);
    expect(formatEvent(event).slice(instance.length + 2)).toEqual(sentence);
  });

  test('must have the words of MogileFS in the log of watch, if there are any', () => {
    expect(formatWatchEvent(event)).toBe(watch ?? formatEvent(event));
  });

  test('must have no member that every line has with another meaning', () => {
    const everywhere = commonMembers.map(({ name }) => name);
    const own = membersOfKind(kind).map(({ name }) => name);
    expect(own.filter((name) => everywhere.includes(name))).toEqual([]);
  });

  test('must have all its members in JSON', () => {
    expect(eventJson(event)).toEqual({
      schema: schemaVersion,
      at: new Date(noon).toISOString(),
      kind,
      level,
      instance,
      ...json,
      text: sentence,
    });
  });
});

test.each<[EventBody, string]>([
  [
    { kind: 'draining', pid: 10, signal: 'TERM', cause },
    'mail.1: asked pid 10 to finish (SIGTERM, no limit): restart of 12:00:00 by ann@web1',
  ],
  [
    { kind: 'killed', pid: 10, processCount: 1, cause: 'it has not exited for 10m' },
    'mail.1: killed pid 10 and its session (1 process): it has not exited for 10m',
  ],
  [{ kind: 'exited', pid: 10, death: exited }, 'mail.1: pid 10 exited as asked: status 0'],
  [
    { kind: 'exited', pid: 10, death: exited, drained: durationOf(20) },
    'mail.1: pid 10 exited as asked at once: status 0',
  ],
  [
    {
      kind: 'exited',
      pid: 10,
      death: { kind: 'signalled', signal: 9, coreDumped: false },
      drained: seconds(600),
    },
    'mail.1: pid 10 was killed after 10m: signal 9 (SIGKILL)',
  ],
  [
    { kind: 'died', ...run, death: exited, verdict: 'requested' },
    'mail.1: pid 10 exited as asked: status 0',
  ],
  [
    {
      kind: 'died',
      ...run,
      death: { kind: 'signalled', signal: 9, coreDumped: false },
      verdict: 'requested',
    },
    'mail.1: pid 10 was killed: signal 9 (SIGKILL)',
  ],
  [
    { kind: 'died', ...run, death: exited, verdict: 'recycled' },
    'mail.1: pid 10 exited to be recycled: status 0',
  ],
  [
    { kind: 'died', ...run, death: exited, verdict: 'unexpected' },
    'mail.1: pid 10 exited unexpectedly: status 0',
  ],
  [
    { kind: 'job_lost', ...run, death: { kind: 'signalled', signal: 6, coreDumped: true } },
    'mail.1: a job may have been lost: pid 10 died: signal 6 (SIGABRT), core dumped',
  ],
  [{ kind: 'ready', pid: 10 }, 'mail.1: pid 10 is ready'],
  [
    { kind: 'rollout_aborted', problem: 'it died', pendingCount: 1 },
    'mail.1: restart aborted: it died; 1 instance keeps running the old release',
  ],
  [
    { kind: 'rollout_aborted', problem: 'it died', pendingCount: 0 },
    'mail.1: restart aborted: it died',
  ],
  [
    { kind: 'rollout_finished', requestedBy: 'bob@web1', how: 'done', instanceCount: 3 },
    'mail.1: restart by bob@web1 finished',
  ],
  [
    {
      kind: 'rollout_finished',
      requestedBy: 'bob@web1',
      how: 'cancelled',
      endedBy: 'ann@web1',
      instanceCount: 3,
      release: 'r2', // of which no instance may be running
    },
    'mail.1: restart by bob@web1 was cancelled by ann@web1',
  ],
  [
    {
      kind: 'rollout_finished',
      requestedBy: 'bob@web1',
      how: 'rolled_back',
      instanceCount: 3,
      release: 'r1',
      problem: 'mail.1: it died',
    },
    'mail.1: restart by bob@web1 is over: rolled back on release r1: mail.1: it died',
  ],
  [{ kind: 'held' }, 'mail.1: held'],
  [{ kind: 'count_set', count: 2, previous: 5 }, 'mail.1: 2 wanted (was 5)'],
  [{ kind: 'count_set', count: 2 }, 'mail.1: 2 wanted'],
  [
    { kind: 'hook_run', hook: 'lost', took: seconds(0.2), output: [] },
    'mail.1: hook lost succeeded after 0.2s',
  ],
])('%j must read so', (body, sentence) => {
  expect(sentenceOf(body)).toBe(sentence);
});

test.each<[EventBody, string]>([
  [
    { kind: 'died', ...run, death: exited, verdict: 'requested' },
    'Child 10 (mail.1) died: 0 (expected): exit status 0',
  ],
  [
    { kind: 'died', ...run, death: { kind: 'rebooted' }, verdict: 'unexpected' },
    'Child 10 (mail.1) died: unknown (UNEXPECTED): status unknown: the host was booted since',
  ],
  [
    { kind: 'killed', pid: 10, processCount: 1, cause: 'it has not exited for 10m' },
    'mail.1: killed pid 10 and its session (1 process): it has not exited for 10m',
  ],
])('%j must have its words in the log of watch', (body, line) => {
  expect(formatWatchEvent({ ...body, at: noon, instance: 'mail.1' })).toBe(line);
});

test('an old process beside its replacement must be named by its instance', () => {
  const current = { kind: 'exited', pid: 10, death: exited, at: noon, instance: 'mail.1' } as const;
  const event = { ...current, retiring: '2298f067' };
  expect(formatEvent(event)).toBe('mail.1 (retiring): pid 10 exited as asked: status 0');
  expect(eventJson(event)).toMatchObject({ instance: 'mail.1', retiring: true });
  expect(eventJson(current)).not.toHaveProperty('retiring');
});

test('these kinds must make a command fail, and no others', () => {
  expect(allEventKinds.filter((kind) => isFailure(sampleEvent(kind)))).toEqual([
    'adopt_failed',
    'start_failed',
    'quiet_failed',
    'resume_failed',
    'signal_failed',
    'survivors',
    'rollout_aborted',
    'worker_unknown',
    'start_refused',
    'started_again',
  ]);
});

test('a command must not print what it says in other words, nor what is only for the log of watch', () => {
  const hidden = allEventKinds.filter((kind) => audienceOf(sampleEvent(kind)) !== 'everywhere');
  expect(hidden).toEqual([
    'ready',
    'unresponsive',
    'drain_long',
    'death_explained',
    'rollout_finished',
    'log_rotated',
  ]);
  const took = seconds(1);
  expect(audienceOf({ kind: 'hook_run', hook: 'lost', took, output: [] })).toBe('journal');
});

test.each([
  ['requested', exited, 'watch'],
  ['recycled', exited, 'watch'],
  ['unexpected', exited, 'watch'],
  ['unexpected', { kind: 'exited', status: 1 }, 'everywhere'],
  ['requested', { kind: 'exited', status: 1 }, 'watch'],
] as const)('a death that is %s, %j, must be shown: %s', (verdict, death, audience) => {
  expect(audienceOf({ kind: 'died', ...run, death, verdict })).toBe(audience);
});

test.each([
  [{}, 'no limit'],
  [{ limit: seconds(90) }, 'killed in 1m 30s'],
  [
    {
      activity: busyWith([{ what: 'job 212', since: noonPlus(seconds(-130)) }]),
      limit: seconds(5),
    },
    'job 212 for 2m 10s, killed in 5s',
  ],
])('a drain %j must read "%s"', (more, words) => {
  const drain = { instance: 'mail.1', pid: 10, since: seconds(3), cause, ...more };
  expect(formatDrain(drain, noon)).toBe(words);
});
