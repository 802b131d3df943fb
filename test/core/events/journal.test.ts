import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { momentOf } from '../../../src/core/basics/time.ts';
import { journalEntry, journalKinds, parseJournalLine } from '../../../src/core/events/journal.ts';
import { allEventKinds } from '../../../src/core/events/table.ts';
import type { Death } from '../../../src/core/model/record.ts';
import { noon } from '../builders.ts';
import { sampleEvent } from './samples.ts';

const noonIso = new Date(noon).toISOString();

describe('journalEntry', () => {
  test.each<[Death, object]>([
    [
      { kind: 'exited', status: 3 },
      { kind: 'exited', exit_status: 3 },
    ],
    [
      { kind: 'signalled', signal: 6, coreDumped: true },
      { kind: 'signalled', signal: 'SIGABRT', core_dumped: true },
    ],
    [
      { kind: 'signalled', signal: 40, coreDumped: false },
      { kind: 'signalled', signal: 'SIG40', core_dumped: false },
    ],
    [{ kind: 'rebooted' }, { kind: 'rebooted' }],
    [
      { kind: 'unlaunched', found: 'absent' },
      { kind: 'unlaunched', problem: 'absent' },
    ],
    [
      { kind: 'unknown', problem: 'no report of how it exited' },
      { kind: 'unknown', problem: 'no report of how it exited' },
    ],
  ])('a death %j must be an object with its kind', (death, json) => {
    const lost = { kind: 'job_lost', pid: 10, runId: 'f00', death, job: 'job 1' } as const;
    expect(journalEntry({ ...lost, at: noon, instance: 'mail.1' })?.['death']).toEqual(json);
  });

  test.each(allEventKinds)('%s must be read as it was written, or be a mere answer', (kind) => {
    const entry = journalEntry(sampleEvent(kind));
    expect(entry !== undefined).toBe(journalKinds.includes(kind));
    if (entry === undefined) return;
    expect(Object.keys(entry).join(' ')).toMatch(/^[a-z_ ]+$/);
    expect(parseJournalLine(JSON.stringify(entry))).toEqual(entry);
  });

  test('the journal must not have answers to a command, nor a death twice', () => {
    expect(allEventKinds.filter((kind) => !journalKinds.includes(kind)).sort()).toEqual([
      'already_quiet',
      'already_running',
      'already_stopped',
      'exited',
      'finished',
      'not_paused',
      'not_quiet',
      'not_running',
      'replaced_to_resume',
      'skipped_done',
      'skipped_held',
      'skipped_stopped',
      'skipped_surplus',
      'start_refused',
      'started_again',
      'trap',
      'up_to_date',
    ]);
  });

  test('a moment that no date can hold must become the last one that it can', () => {
    const event = { kind: 'held', until: momentOf(1e18), at: noon, instance: 'mail.1' } as const;
    expect(journalEntry(event)).toMatchObject({ until: '+275760-09-13T00:00:00.000Z' });
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
  ])('%j must not be a line of a journal', (text) => {
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
