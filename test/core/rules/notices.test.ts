import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { applyGoal } from '../../../src/core/rules/apply-goal.ts';
import { ledgerAfter, nextLossAt } from '../../../src/core/rules/deaths.ts';
import { noticesOf } from '../../../src/core/rules/notices.ts';
import { noDesired } from '../../../src/core/model/desired.ts';
import { noLedger, type State } from '../../../src/core/model/ledger.ts';
import type { Observation, ObservedInstance } from '../../../src/core/model/observation.ts';
import type { Death } from '../../../src/core/model/record.ts';
import { durationOf, type Duration } from '../../../src/core/basics/time.ts';
import {
  aConfig,
  alive,
  aRollout,
  aWorker,
  busy,
  dead,
  nextChange,
  noonPlus,
  planned,
  retiring,
  provenFor,
  rolling,
  seconds,
  seenAt,
  stopOf,
} from '../builders.ts';

const config = aConfig(aWorker('mail', ['1', '2'], { lostGrace: seconds(10) }));
const killed: Death = { kind: 'signalled', signal: 9, coreDumped: false };
const deadOf = (pid: number): ObservedInstance => dead('mail.1', pid, { death: killed });
const up = alive('mail.2', 20);

interface Passed extends State {
  /** The ids of what is reported. */
  readonly notices: readonly string[];
}

const nothing: State = { desired: noDesired, ledger: noLedger };

/** What a pass reports of this look, and what it remembers. */
function pass(before: State, seen: Observation): Passed {
  const after = applyGoal(config, before, { kind: 'check' }, seen);
  const plan = planned(config, after.desired, seen, after.ledger);
  const notices = noticesOf(config, { before, ...after, observation: seen, plan });
  return { ...after, notices: notices.map(({ id }) => id) };
}

const at = (after: Duration, ...instances: ObservedInstance[]): Observation =>
  seenAt(after, ...instances);

describe('a death', () => {
  test('must be reported once, by the pass that sees it first', () => {
    const first = pass(nothing, at(seconds(0), deadOf(10), up));
    expect(first.notices).toEqual(['died.start-10']);
    expect(pass(first, at(seconds(1), deadOf(10), up)).notices).toEqual([]);
  });

  test('must be reported again if the pass was killed before it wrote the ledger', () => {
    const seen = at(seconds(0), deadOf(10), up);
    expect(pass(nothing, seen).notices).toEqual(pass(nothing, seen).notices);
  });

  test('of the next process must be reported anew', () => {
    const first = pass(nothing, at(seconds(0), deadOf(10), up));
    const living = pass(first, at(seconds(20), alive('mail.1', 11), up));
    expect(living.ledger.reportedDeaths).toEqual({});
    expect(pass(living, at(seconds(30), deadOf(11), up)).notices).toContain('died.start-11');
  });

  test('of an old process must be forgotten with its files', () => {
    const old = retiring('mail.1', 9);
    const gone = { ...dead(old.name, 9, { stop: stopOf(9) }), name: old.name };
    const seen = pass(nothing, at(seconds(0), alive('mail.1', 10), gone));
    expect(seen.notices).toEqual(['died.start-9']);
    expect(Object.keys(seen.ledger.reportedDeaths)).toEqual([old.name]);
    expect(pass(seen, at(seconds(1), alive('mail.1', 10))).ledger.reportedDeaths).toEqual({});
  });
});

describe('a job', () => {
  test('must be reported as lost at once if its process had said that it was busy', () => {
    const seen = { ...deadOf(10), activity: busy };
    const { notices, ledger } = pass(nothing, at(seconds(0), seen, up));
    expect(notices).toEqual(['died.start-10', 'lost.start-10']);
    expect(ledger.losses).toEqual([]);
  });

  test('must be reported as lost after the grace if that is not known, whatever the instance runs by then', () => {
    const first = pass(nothing, at(seconds(0), deadOf(10), up));
    expect(nextLossAt(first.ledger)).toBe(noonPlus(seconds(10)));
    const living = alive('mail.1', 11, { age: seconds(5) });
    const early = pass(first, at(seconds(9.9), living, up));
    expect(early.notices).toEqual([]);
    expect(nextChange(config, early.desired, at(seconds(9), living, up), early.ledger)).toBe(1000);
    const due = pass(early, at(seconds(10), living, up));
    expect(due.notices).toEqual(['lost.start-10']);
    expect(due.ledger.losses).toEqual([]);
  });

  test('must be reported as lost at once if the grace is over before the first look', () => {
    const { notices, ledger } = pass(nothing, at(seconds(10), deadOf(10), up));
    expect(notices).toEqual(['died.start-10', 'lost.start-10']);
    expect(ledger.losses).toEqual([]);
  });

  describe('that another process may go on with', () => {
    const left = { pid: 77, startTime: 1, name: 'rq' };
    const going = (observed: ObservedInstance): ObservedInstance => ({
      ...observed,
      continuing: [left],
      leftovers: {
        of: { pid: 10, startTime: 1, bootId: 'x' },
        processes: [left],
        isReported: false,
      },
    });
    const seen = { ...deadOf(10), activity: busy };
    const plans = (before: State, observation: Observation): string[] =>
      planned(config, before.desired, observation, before.ledger).map(({ kind }) => kind);

    test.each([
      ['known', seen],
      ['not known', deadOf(10)],
    ])('must not be lost while that lives, nor when it has exited, if a job is %s', (_, one) => {
      const first = pass(nothing, at(seconds(0), going(one), up));
      expect(first.notices).toEqual(['died.start-10', 'continuing.start-10']);
      expect(nextLossAt(first.ledger)).toBeUndefined();
      const still = pass(first, at(seconds(60), going(one), up));
      expect(still.notices).toEqual([]);
      expect(plans(still, at(seconds(60), going(one), up))).toEqual([]);
      expect(pass(still, at(seconds(61), up)).ledger.losses).toHaveLength(1); // not looked at
      const ended = pass(still, at(seconds(90), one, up));
      expect(ended.notices).toEqual(['finished.start-10']);
      expect(ended.ledger.losses).toEqual([]);
      expect(plans(ended, at(seconds(90), one, up))).toEqual(['start']);
    });

    test('must be lost if that has died together with the process', () => {
      const first = pass(nothing, at(seconds(0), going(seen), up));
      const ended = pass(first, at(seconds(0.5), seen, up));
      expect(ended.notices).toEqual(['lost.start-10']);
      const unknown = pass(nothing, at(seconds(0), going(deadOf(10)), up));
      const soon = pass(unknown, at(seconds(0.5), deadOf(10), up));
      expect(soon.notices).toEqual([]);
      expect(pass(soon, at(seconds(10), deadOf(10), up)).notices).toEqual(['lost.start-10']);
    });
  });

  describe('of a process of which nothing was reported', () => {
    const unknown: Death = { kind: 'unknown', problem: 'no report of how it exited' };
    const first = pass(nothing, at(seconds(0), dead('mail.1', 10, { death: unknown }), up));

    test('must not be reported as lost if a late report says that it exited', () => {
      const exited = dead('mail.1', 10, { death: { kind: 'exited', status: 0 } });
      const told = pass(first, at(seconds(3), exited, up));
      expect(told.notices).toEqual(['explained.start-10']);
      expect(told.ledger.losses).toEqual([]);
      expect(pass(told, at(seconds(10), exited, up)).notices).toEqual([]);
      expect(pass(first, at(seconds(10), exited, up)).notices).toEqual(['explained.start-10']);
    });

    test('must be reported as lost once if a late report says that it was killed', () => {
      const told = pass(first, at(seconds(3), deadOf(10), up));
      expect(told.notices).toEqual(['explained.start-10']);
      const due = pass(told, at(seconds(10), deadOf(10), up));
      expect(due.notices).toEqual(['lost.start-10']);
      expect(pass(due, at(seconds(20), deadOf(10), up)).notices).toEqual([]);
    });

    test('must be reported as lost at once if a late report says so, and that it was busy', () => {
      const told = pass(first, at(seconds(3), { ...deadOf(10), activity: busy }, up));
      expect(told.notices).toEqual(['explained.start-10', 'lost.start-10']);
      expect(told.ledger.losses).toEqual([]);
    });
  });

  test('must not wait for a clock that was set back', () => {
    const first = pass(nothing, at(seconds(0), deadOf(10), up));
    expect(pass(first, at(seconds(-3600), alive('mail.1', 11), up)).notices).toEqual([
      'lost.start-10',
    ]);
  });
});

describe('a restart', () => {
  const both = { 'mail.1': 10, 'mail.2': 20 };
  const replaced = (name: string, pid: number): ObservedInstance =>
    alive(name, pid, { age: seconds(60) });

  test('must be reported when it is over', () => {
    const before = rolling(aRollout(both, { proven: provenFor('mail') }));
    const seen = at(seconds(90), replaced('mail.1', 11), replaced('mail.2', 21));
    expect(pass({ desired: before, ledger: noLedger }, seen).notices).toEqual([
      'rollout.mail.first.done',
    ]);
  });

  test('must be reported once if it is aborted', () => {
    const before = rolling(aRollout(both));
    const broken = dead('mail.1', 11, {
      ranFor: durationOf(100),
      death: { kind: 'exited', status: 1 },
    });
    const seen = at(seconds(0), broken, up);
    const first = pass({ desired: before, ledger: noLedger }, seen);
    expect(first.notices).toContain('rollout.mail.first.aborted');
    expect(pass(first, seen).notices).toEqual([]);
  });

  test('must be reported as recovered if it was aborted before', () => {
    const aborted = { at: noonPlus(seconds(0)), instance: 'mail.1', problem: 'it died' };
    const before = rolling(aRollout(both, { aborted, proven: provenFor('mail') }));
    const seen = at(seconds(90), replaced('mail.1', 11), replaced('mail.2', 21));
    const first = pass({ desired: before, ledger: noLedger }, seen);
    expect(first.notices).toEqual(['rollout.mail.first.recovered']);
    expect(pass(first, seen).notices).toEqual([]);
  });

  test('must not be reported as over if a later one has taken it over', () => {
    const before = rolling(aRollout(both));
    const after = rolling(aRollout(both, { id: 'second' }));
    const seen = at(seconds(1), alive('mail.1', 10), up);
    expect(
      noticesOf(config, {
        before: { desired: before, ledger: noLedger },
        desired: after,
        ledger: noLedger,
        observation: seen,
        plan: [],
      }),
    ).toEqual([]);
  });
});

test('each death must be reported exactly once, and each job that may be lost at most once', () => {
  const steps = fc.array(
    fc.record({ pid: fc.integer({ min: 1, max: 6 }), isDead: fc.boolean(), after: fc.nat(20) }),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(steps, (all) => {
      let state = nothing;
      let time = 0;
      const reported: string[] = [];
      const died = new Set<number>();
      let last = 0;
      for (const { pid: step, isDead, after } of all) {
        time += after;
        // Processes follow one another, and a dead one stays dead.
        if (!isDead || last === 0) last += step;
        const now = at(
          seconds(time),
          isDead ? deadOf(last) : alive('mail.1', last, { age: seconds(1) }),
          up,
        );
        if (isDead) died.add(last);
        const passed = pass(state, now);
        state = passed;
        reported.push(...passed.notices.filter((id) => !id.startsWith('backoff')));
      }
      const deaths = reported.filter((id) => id.startsWith('died'));
      expect(deaths.sort()).toEqual([...died].map((pid) => `died.start-${pid}`).sort());
      expect(new Set(reported).size).toBe(reported.length);
      const { reportedDeaths } = ledgerAfter(config, state, at(seconds(time), up));
      expect(reportedDeaths).toEqual(state.ledger.reportedDeaths);
    }),
  );
});
