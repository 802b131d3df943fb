import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Event, EventBody } from '../../../src/core/events/event.ts';
import { formatEvent } from '../../../src/core/events/event.ts';
import { journalEntry, journalKinds, parseJournalLine } from '../../../src/core/events/journal.ts';
import type { Death } from '../../../src/core/model/record.ts';
import { momentOf } from '../../../src/core/basics/time.ts';
import { noon, seconds } from '../builders.ts';
import { sampleEvent, samples } from './journal-samples.ts';

const kinds = Object.keys(samples) as Event['kind'][];
const noonIso = new Date(noon).toISOString();

function entryOf(body: EventBody, instance = 'mail.1'): Record<string, unknown> {
  const written = journalEntry({ ...body, at: noon, instance });
  const { at, text, ...entry }: Record<string, unknown> = written ?? {};
  expect(at).toBe(noonIso);
  expect(text).toEqual(expect.any(String));
  return entry;
}

describe('journalEntry', () => {
  test.each<[EventBody, object]>([
    [
      { kind: 'asked', pid: 10, signal: 'TERM', limit: seconds(90), cause: 'stopped by ann' },
      { pid: 10, signal_name: 'SIGTERM', limit_seconds: 90, cause: 'stopped by ann' },
    ],
    [
      { kind: 'asked', pid: 10, signal: 'INT', cause: 'why' },
      { pid: 10, signal_name: 'SIGINT', cause: 'why' },
    ],
    [
      { kind: 'quieted', pid: 10, signal: 'TSTP', stopsWhenIdle: false, cause: 'why' },
      { pid: 10, signal_name: 'SIGTSTP', stops_when_idle: false, cause: 'why' },
    ],
    [
      { kind: 'taken_over', by: 'bob@web1', since: momentOf(0) },
      { by_other: 'bob@web1', since: '1970-01-01T00:00:00.000Z' },
    ],
    [
      { kind: 'start_failed', reason: 'why', logFile: '/log/mail.1.log', log: ['a', 'b'] },
      { reason: 'why', log_file: '/log/mail.1.log', log: ['a', 'b'] },
    ],
    [
      { kind: 'wanted', count: 3, most: 3 },
      { count: 3, most: 3 },
    ],
    [{ kind: 'held' }, {}],
  ])('%j must be kept with its members in snake case and their units', (body, members) => {
    expect(entryOf(body)).toEqual({ kind: body.kind, instance: 'mail.1', ...members });
  });

  test.each<[Death, object]>([
    [{ kind: 'exited', status: 3 }, { status: 3 }],
    [
      { kind: 'signalled', signal: 6, coreDumped: true },
      { signal: 6, signal_name: 'SIGABRT', core_dumped: true },
    ],
    [
      { kind: 'signalled', signal: 40, coreDumped: false },
      { signal: 40, signal_name: 'SIG40', core_dumped: false },
    ],
    [{ kind: 'rebooted' }, { status_unknown: 'the host was booted since' }],
    [{ kind: 'unknown', why: 'its shim was killed' }, { status_unknown: 'its shim was killed' }],
  ])('a death %j must be spread over members of its own', (death, members) => {
    const lost = { kind: 'lost', pid: 10, runId: 'f00', death, job: 'job 1' } as const;
    expect(entryOf(lost)).toEqual({
      kind: 'lost',
      instance: 'mail.1',
      pid: 10,
      run_id: 'f00',
      job: 'job 1',
      ...members,
    });
    const drained = seconds(0.25);
    expect(
      entryOf({ kind: 'died', pid: 10, runId: 'f00', death, verdict: 'asked', drained }),
    ).toMatchObject({ ...members, verdict: 'asked', drained_seconds: 0.25 });
  });

  test('an old process that leaves must be kept under its instance', () => {
    const death = { kind: 'exited', status: 0 } as const;
    const event = { at: noon, instance: 'mail.1', retiring: '2298f067' };
    const died = {
      ...event,
      kind: 'died',
      pid: 10,
      runId: 'f00',
      death,
      verdict: 'asked',
    } as const;
    expect(journalEntry(died)).toMatchObject({ instance: 'mail.1', retiring: true });
    expect(entryOf({ kind: 'moved', pid: 10 })).not.toHaveProperty('retiring');
  });

  test.each(kinds)('%s must be kept whole, or be a mere answer', (kind) => {
    const event = sampleEvent(kind);
    const entry = journalEntry(event);
    expect(entry !== undefined).toBe(journalKinds.includes(kind));
    if (entry === undefined) return;
    expect(entry).toMatchObject({ at: noonIso, kind, instance: event.instance });
    expect(Object.keys(entry).join(' ')).toMatch(/^[a-z_ ]+$/);
    // What somebody has read then and what the journal says are the same words.
    expect(formatEvent(event).endsWith(entry['text'] as string)).toBe(true);
    expect(parseJournalLine(JSON.stringify(entry))).toEqual(entry);
  });

  test('answers to a person, and deaths told twice, must be no history', () => {
    expect(kinds.filter((kind) => !journalKinds.includes(kind)).sort()).toEqual([
      'already_quiet',
      'already_running',
      'already_stopped',
      'left',
      'left_held',
      'left_stopped',
      'left_unwanted',
      'not_quiet',
      'not_running',
      'refused',
      'started_again',
      'up_to_date',
    ]);
  });

  test('a moment that no date can hold must not stop anybody', () => {
    expect(entryOf({ kind: 'held', until: momentOf(1e18) })).toMatchObject({
      until: '+275760-09-13T00:00:00.000Z',
    });
  });

  test('words that name somebody first must stay whole', () => {
    const words =
      'Child 5841 (mail.1) died: 9 (UNEXPECTED): signal 9 (SIGKILL), out of memory during job 212';
    expect(journalEntry(sampleEvent('died'))).toMatchObject({ text: words });
  });
});

describe('parseJournalLine', () => {
  const line = { at: noonIso, kind: 'started', instance: 'mail.1' };

  test('must keep kinds and members that it does not know', () => {
    const unknown = { ...line, kind: 'of_tomorrow', more: [{ deep: null }] };
    expect(parseJournalLine(JSON.stringify(unknown))).toEqual(unknown);
  });

  test.each([
    '',
    '{',
    'null',
    '7',
    '"text"',
    '[]',
    '{}',
    '\u0000\u0001',
    JSON.stringify(line).slice(0, -1),
    JSON.stringify({ ...line, at: 'yesterday' }),
    JSON.stringify({ ...line, at: '2026-13-45T00:00:00.000Z' }),
    JSON.stringify({ ...line, at: noon }),
    JSON.stringify({ ...line, kind: 1 }),
    JSON.stringify({ ...line, instance: null }),
  ])('%j must be no line of a journal', (text) => {
    expect(parseJournalLine(text)).toBeUndefined();
  });

  test('must never throw', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        parseJournalLine(text);
      }),
    );
  });
});
