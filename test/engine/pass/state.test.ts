import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { durationOf, momentOf } from '../../../src/core/basics/time.ts';
import type { Event } from '../../../src/core/events/event.ts';
import { journalEntry } from '../../../src/core/events/journal.ts';
import { noDesired, type Desired } from '../../../src/core/model/desired.ts';
import { noLedger, type Ledger, type State } from '../../../src/core/model/ledger.ts';
import {
  ensureLedger,
  isSameState,
  readState,
  reportDesired,
  stageState,
} from '../../../src/engine/pass/state.ts';
import { openJournal } from '../../../src/host/journal/write.ts';
import { desiredCopyPath, desiredPath, readDesired } from '../../../src/host/state/desired-file.ts';
import { writeDesired } from '../../../src/host/state/desired-write.ts';
import {
  ledgerFolder,
  ledgerPath,
  readLedger,
  writeLedger,
} from '../../../src/host/state/ledger-file.ts';
import { aConfig } from '../../core/builders.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();

const request = { at: momentOf(1_700_000_000_000), by: 'ann@web1' };
const desired: Desired = {
  ...noDesired,
  stopped: { 'mail.2': request },
  deadlines: {
    'mail.1': { process: { pid: 7, startTime: 8, bootId: 'x' }, at: durationOf(90_000) },
  },
};
const ledger: Ledger = {
  ...noLedger,
  failures: { 'mail.1': { runId: 'f00', count: 3, at: request.at } },
  reportedDeaths: { 'mail.1': 'f00' },
};

/** What is on disk after some passes: a death was reported, counted and written to the journal. */
function lived(): void {
  writeDesired(scratch.folder(), desired, { isDurable: false });
  writeLedger(scratch.folder(), ledger);
  const death: Event = {
    kind: 'died',
    instance: 'mail.1',
    pid: 7,
    runId: 'f00',
    death: { kind: 'exited', status: 1 },
    verdict: 'unexpected',
    at: request.at,
  };
  const entry = journalEntry(death);
  if (entry !== undefined) openJournal(scratch.folder()).append([entry]);
}

const read = (): ReturnType<typeof readState> => readState(scratch.folder());

/** What the first part of a pass reports. */
async function problemsOf(before: Awaited<ReturnType<typeof read>>): Promise<string[]> {
  const problems: string[] = [];
  const config = { ...aConfig(), stateDir: scratch.folder() };
  const report = (event: Event): void => {
    problems.push(event.kind === 'warning' ? `${event.instance}: ${event.problem}` : event.kind);
  };
  await Promise.resolve();
  ensureLedger({ config, report }, before);
  reportDesired({ report }, before);
  return problems;
}

describe('the state', () => {
  test('must be read as it was written', async () => {
    lived();
    expect(await read()).toEqual({ desired, ledger });
    expect(await problemsOf(await read())).toEqual([]);
  });

  test('must be empty where nothing ever ran, without a word', async () => {
    expect(await read()).toEqual({ desired: noDesired, ledger: noLedger });
    expect(await problemsOf(await read())).toEqual([]);
    expect(readLedger(scratch.folder())).toEqual({ kind: 'read', value: noLedger });
  });

  test('must be refused if both copies of state.json are damaged, whatever the ledger says', async () => {
    lived();
    writeFileSync(desiredPath(scratch.folder()), 'x');
    writeFileSync(desiredCopyPath(scratch.folder()), 'x');
    await expect(read()).rejects.toThrow('state.json is damaged');
  });

  test('must be read from the copy if state.json is damaged, be reported, and be written by the next pass', async () => {
    lived();
    writeFileSync(desiredPath(scratch.folder()), 'x');
    const before = await read();
    expect(before.desired).toEqual(desired);
    expect(isSameState(before, before)).toBe(false);
    const [problem = '', ...more] = await problemsOf(before);
    expect(more).toEqual([]);
    expect(problem).toContain(`state.json: ${desiredPath(scratch.folder())} is damaged`);
    stage({}, before).commit();
    const after = await read();
    expect(after.desired).toEqual(desired);
    expect(isSameState(after, after)).toBe(true);
    expect(await problemsOf(after)).toEqual([]);
    expect(readFileSync(scratch.path('state.damaged.1'), 'utf8')).toBe('x');
  });
});

describe('a ledger', () => {
  const ways: [string, string, () => void][] = [
    [
      'lost',
      'is lost',
      () => {
        rmSync(ledgerFolder(scratch.folder()), { recursive: true });
      },
    ],
    [
      'damaged',
      'is damaged (expected JSON, found "{\\"schema\\"")',
      () => {
        writeFileSync(ledgerPath(scratch.folder()), '{"schema"');
      },
    ],
    [
      'replaced by a folder',
      'is damaged (expected a file, found a directory',
      () => {
        rmSync(ledgerPath(scratch.folder()));
        mkdirSync(ledgerPath(scratch.folder()));
      },
    ],
  ];

  test.each(ways)('that is %s must take no stop and no deadline with it', async (_, __, damage) => {
    lived();
    damage();
    expect((await read()).desired).toEqual(desired);
  });

  test.each(ways)(
    'that is %s must start empty, but know which deaths were reported',
    async (_, problem, damage) => {
      lived();
      damage();
      const before = await read();
      expect(before.ledger).toEqual({ ...noLedger, reportedDeaths: ledger.reportedDeaths });
      expect(before.problem).toContain(`${ledgerPath(scratch.folder())} ${problem}`);
    },
  );

  test.each(ways.slice(0, 2))('that is %s must be reported once', async (_, problem, damage) => {
    lived();
    damage();
    const before = await read();
    expect(isSameState(before, before)).toBe(false);
    const [reported = '', ...more] = await problemsOf(before);
    expect(more).toEqual([]);
    expect(reported).toContain(`ledger: ${ledgerPath(scratch.folder())} ${problem}`);
    const after = await read();
    expect(isSameState(after, after)).toBe(true);
    expect(await problemsOf(after)).toEqual([]);
  });

  test('must be the same whatever the order of its parts, and another one if a part differs', async () => {
    lived();
    const before = await read();
    const ledger = Object.fromEntries(
      Object.entries(before.ledger).toReversed(),
    ) as unknown as Ledger;
    expect(isSameState({ ...before, ledger }, before)).toBe(true);
    expect(isSameState({ ...before, ledger: { ...ledger, startsInTurn: true } }, before)).toBe(
      false,
    );
  });

  test('that is new must be there before the first death is reported', async () => {
    lived();
    rmSync(ledgerFolder(scratch.folder()), { recursive: true });
    rmSync(scratch.path('events.ndjson'));
    expect(await problemsOf(await read())).toEqual([]);
    expect(readLedger(scratch.folder()).kind).toBe('read');
  });
});

/** What a pass stages that has changed this. */
function stage(
  after: Partial<State>,
  before: Awaited<ReturnType<typeof read>> = { desired, ledger },
): ReturnType<typeof stageState> {
  const config = { ...aConfig(), stateDir: scratch.folder() };
  const observation = {
    now: request.at,
    sinceBoot: durationOf(0),
    instances: new Map(),
    retiring: [],
  };
  const outcome = { before, ...before, ...after, observation, plan: [] };
  return stageState({ config, report: () => undefined }, outcome, { isDurable: true });
}

describe('a pass', () => {
  const write = (after: Partial<State>): void => {
    stage(after).commit();
  };
  /** Each write makes a new file. */
  const files = (): number[] =>
    [desiredPath, ledgerPath].map((path) => statSync(path(scratch.folder())).ino);

  test('must write only what has changed', () => {
    lived();
    const first = files();
    write({});
    expect(files()).toEqual(first);
    write({ ledger: noLedger });
    expect(files()[0]).toBe(first[0]);
    expect(files()[1]).not.toBe(first[1]);
    const second = files();
    write({ desired: noDesired });
    expect(files()[0]).not.toBe(second[0]);
    expect(files()[1]).toBe(second[1]);
  });

  test('must write what is wanted before what is remembered', () => {
    lived();
    let was: unknown;
    stage({ desired: noDesired, ledger: noLedger }).commit(() => {
      was = [readDesired(scratch.folder()), readLedger(scratch.folder())];
    });
    expect(was).toEqual([noDesired, { kind: 'read', value: ledger }]);
    expect(readLedger(scratch.folder())).toEqual({ kind: 'read', value: noLedger });
  });

  test('must change nothing, and leave nothing, if a part cannot be written', () => {
    lived();
    rmSync(ledgerFolder(scratch.folder()), { recursive: true });
    writeFileSync(ledgerFolder(scratch.folder()), 'no folder');
    const before = readdirSync(scratch.folder());
    expect(() => stage({ desired: noDesired, ledger: noLedger })).toThrow(
      'deaths.json: cannot be written',
    );
    expect(readDesired(scratch.folder())).toEqual(desired);
    expect(readdirSync(scratch.folder())).toEqual(before);
    expect(readFileSync(ledgerFolder(scratch.folder()), 'utf8')).toBe('no folder');
  });

  test('must leave nothing of what it has staged and then given up', () => {
    lived();
    const before = readdirSync(scratch.folder(), { recursive: true });
    stage({ desired: noDesired, ledger: noLedger }).discard();
    expect(readdirSync(scratch.folder(), { recursive: true })).toEqual(before);
    expect(readDesired(scratch.folder())).toEqual(desired);
  });
});
