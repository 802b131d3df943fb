import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { durationOf, momentOf } from '../../../src/core/basics/time.ts';
import type { Event } from '../../../src/core/events/event.ts';
import { journalEntry } from '../../../src/core/events/journal.ts';
import { noLedger, type Ledger } from '../../../src/core/model/ledger.ts';
import { journalPath } from '../../../src/host/journal/parts.ts';
import { openJournal } from '../../../src/host/journal/write.ts';
import {
  knownLedger,
  ledgerFolder,
  ledgerPath,
  readLedger,
  writeLedger,
} from '../../../src/host/state/ledger-file.ts';
import { rebuildLedger } from '../../../src/host/state/rebuild-ledger.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();

const loss = { pid: 9, at: momentOf(1_700_000_000_004), due: momentOf(1_700_000_010_004) };

/** With every possible member. */
const ledger: Ledger = {
  failures: {
    'mail.6': { runId: 'f00', count: 3, at: momentOf(1_700_000_000_002) },
    'mail.7': { runId: 'f01', count: 1, at: momentOf(1_700_000_000_002), isSpared: true },
  },
  reportedDeaths: { 'mail.8': 'f02' },
  unexplained: { 'mail.8': 'f02' },
  recycled: {
    'mail.5': { runId: 'f04', count: 2, limit: 1024, memory: 2048, age: durationOf(61_000) },
  },
  unstarted: {
    'mail.4': { at: momentOf(1_700_000_000_003), problem: 'no such file', count: 2, release: 'b' },
  },
  unwitnessed: {
    'mail.4': { process: { pid: 7, startTime: 8, bootId: 'x' }, problem: 'only its record' },
  },
  longDrains: { f09: 'mail.3' },
  problems: { 'mail.4': ['/run/mail.4.json: found a folder'], 'mail.1~f00': ['x'] },
  unadopted: { 'mail.4': 'no space left on device' },
  restarts: { 'mail.4': { hour: 490_000, restarts: [2, 0, 1], unexpected: [1] } },
  asked: { 'mail.2': momentOf(1_700_000_000_005) },
  times: { mail: { drains: [durationOf(61_000), durationOf(200)], jobs: [] } },
  losses: [
    {
      ...loss,
      instance: 'mail.8',
      runId: 'f02',
      death: { kind: 'signalled', signal: 9, coreDumped: false, outOfMemory: 'likely' },
    },
    {
      ...loss,
      instance: 'mail.9',
      runId: 'f03',
      death: { kind: 'signalled', signal: 40, coreDumped: true },
    },
    { ...loss, instance: 'mail.10', runId: 'f04', death: { kind: 'exited', status: 3 } },
    { ...loss, instance: 'mail.11', runId: 'f05', death: { kind: 'rebooted' } },
    { ...loss, instance: 'mail.12', runId: 'f06', death: { kind: 'unlaunched', found: 'dead' } },
    {
      ...loss,
      instance: 'mail.13',
      runId: 'f07',
      death: { kind: 'unknown', problem: 'no report' },
    },
  ],
};

const write = (text: string): void => {
  mkdirSync(ledgerFolder(scratch.folder()), { recursive: true });
  writeFileSync(ledgerPath(scratch.folder()), text);
};

describe('the ledger', () => {
  test.each([ledger, noLedger])('%j must be read as it was written', (one) => {
    writeLedger(scratch.folder(), one);
    expect(readLedger(scratch.folder())).toEqual({ kind: 'read', value: one });
    expect(knownLedger(scratch.folder())).toEqual(one);
  });

  test('must hold moments as RFC 3339 and signals by name', () => {
    writeLedger(scratch.folder(), ledger);
    const json = JSON.parse(readFileSync(ledgerPath(scratch.folder()), 'utf8')) as unknown;
    expect(json).toMatchObject({
      schema: 2,
      failures: { 'mail.6': { run_id: 'f00', at: '2023-11-14T22:13:20.002Z' } },
      reported_deaths: { 'mail.8': 'f02' },
      losses: [
        { death: { signal: 'SIGKILL', out_of_memory: 'likely' } },
        { death: { signal: 'SIG40' } },
        ...Array<object>(4).fill({}),
      ],
    });
  });

  test('must not change the time of the state directory', () => {
    const changedAt = (): bigint => statSync(scratch.folder(), { bigint: true }).mtimeNs;
    writeLedger(scratch.folder(), noLedger);
    const before = changedAt();
    writeLedger(scratch.folder(), ledger);
    expect(knownLedger(scratch.folder())).toEqual(ledger);
    expect(changedAt()).toBe(before);
  });

  test('must be absent until it is written', () => {
    expect(readLedger(scratch.folder())).toEqual({ kind: 'absent' });
    expect(knownLedger(scratch.folder())).toEqual(noLedger);
  });

  test.each([
    ['', 'expected JSON, found an empty file'],
    ['{"schema":2,"failures":', 'expected JSON, found'],
    ['{}', 'schema: expected 2, found nothing'],
    ['{"schema":2,"reported_deaths":{"mail.1":5}}', 'reported_deaths.mail.1: expected a text'],
    ['{"schema":2,"losses":[{"instance":"a"}]}', 'losses.0.pid: expected a whole number'],
  ])('of %j must be damaged, and be read as empty', (text, problem) => {
    write(text);
    const file = readLedger(scratch.folder());
    expect(file).toMatchObject({
      kind: 'broken',
      problem: expect.stringContaining(problem) as string,
    });
    expect(knownLedger(scratch.folder())).toEqual(noLedger);
  });

  test('that cannot be written must be an error that names the file', () => {
    writeFileSync(ledgerFolder(scratch.folder()), '');
    const act = (): void => {
      writeLedger(scratch.folder(), ledger);
    };
    expect(act).toThrow(`${ledgerPath(scratch.folder())}: cannot be written`);
  });
});

describe('a rebuilt ledger', () => {
  const died = (instance: string, runId: string, more: Partial<Event> = {}): void => {
    const event = {
      kind: 'died',
      instance,
      pid: 7,
      runId,
      death: { kind: 'exited', status: 1 },
      verdict: 'unexpected',
      at: momentOf(1_700_000_000_000),
      ...more,
    } as Event;
    const entry = journalEntry(event);
    if (entry !== undefined) openJournal(scratch.folder()).append([entry]);
  };

  test('must know the last reported death of each instance, and of each retiring process', () => {
    died('mail.1', 'f00');
    died('mail.2', 'f01');
    died('mail.1', 'f02');
    died('mail.2~f03', 'f03');
    expect(rebuildLedger(scratch.folder())).toEqual({
      ...noLedger,
      reportedDeaths: { 'mail.1': 'f02', 'mail.2': 'f01', 'mail.2~f03': 'f03' },
    });
  });

  test('must not take another line for a death', () => {
    died('mail.1', 'f00', { kind: 'job_lost' });
    scratch.write(
      'events.ndjson',
      `${readFileSync(journalPath(scratch.folder()), 'utf8')}"died"\n`,
    );
    expect(rebuildLedger(scratch.folder())).toEqual(noLedger);
  });

  test('must read only the tail of the journal', () => {
    died('mail.1', 'f00');
    const [first = ''] = readFileSync(journalPath(scratch.folder()), 'utf8').split('\n');
    const line = `${first.replace('"died"', '"started"')}\n`;
    scratch.write('events.ndjson', `${first}\n${line.repeat(19_990)}`);
    expect(Object.keys(rebuildLedger(scratch.folder()).reportedDeaths)).toEqual(['mail.1']);
    scratch.write('events.ndjson', `${first}\n${line.repeat(20_000)}`);
    expect(rebuildLedger(scratch.folder())).toEqual(noLedger);
  });

  test('must be empty if there is no journal, or none that can be read', () => {
    expect(rebuildLedger(scratch.folder())).toEqual(noLedger);
    mkdirSync(journalPath(scratch.folder()));
    expect(rebuildLedger(scratch.folder())).toEqual(noLedger);
  });
});
