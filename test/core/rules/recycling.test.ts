import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { noDesired, type Desired } from '../../../src/core/model/desired.ts';
import {
  liveProcess,
  sentStop,
  type Observation,
  type ObservedInstance,
} from '../../../src/core/model/observation.ts';
import { durationOf } from '../../../src/core/basics/time.ts';
import type { RecyclePolicy, Worker } from '../../../src/core/model/config.ts';
import {
  absent,
  aConfig,
  alive,
  aRollout,
  aWorker,
  busy,
  dead,
  decide,
  heldIntent,
  idle,
  nextChange,
  noon,
  planned,
  quietOf,
  provenFor,
  rolling,
  seconds,
  seenAt,
  statusFor,
  stopOf,
  stoppedIntent,
} from '../builders.ts';

const mega = 1024 * 1024;
const policy: RecyclePolicy = {
  memory: 512 * mega,
  age: seconds(3600),
  outdated: true,
  minAge: seconds(60),
};
const worker = (recycle: RecyclePolicy = policy): Worker =>
  aWorker('mail', ['1', '2', '3'], { recycle });

type Facts = Parameters<typeof alive>[2] & { memory?: number; nextRelease?: string };

/** One that is 100 seconds old, unless stated otherwise. */
const one = (name: string, pid: number, more: Facts = {}): ObservedInstance => {
  const { memory, nextRelease, ...rest } = more;
  return {
    ...alive(name, pid, { age: seconds(100), ...rest }),
    ...(memory !== undefined && { memory }),
    ...(nextRelease !== undefined && { nextRelease }),
  };
};
const tooLarge = { memory: 530 * mega };
const others = [alive('mail.2', 11), alive('mail.3', 12)];

const seen = (...instances: ObservedInstance[]): Observation => ({
  ...seenAt(durationOf(0), ...instances),
  mayRecycle: true,
});
const planOf = (
  instances: readonly ObservedInstance[],
  desired: Desired = noDesired,
  recycle: RecyclePolicy = policy,
): string => decide(aConfig(worker(recycle)), desired, seen(...instances)).plan;

describe('a worn process', () => {
  test.each<[string, Facts, string]>([
    ['too large', tooLarge, 'memory 530MB (limit 512MB)'],
    ['too old', { age: seconds(3600) }, 'age 1h (limit 1h)'],
    ['of an old release', { release: 'a1', nextRelease: 'b2' }, 'release a1, now b2'],
  ])(
    'that is %s must be asked once, and its note must say that it is recycled',
    (_, facts, why) => {
      const config = aConfig(worker());
      const plan = planned(config, noDesired, seen(one('mail.1', 10, facts), ...others));
      expect(planOf([one('mail.1', 10, facts), ...others])).toBe(
        `ask mail.1 pid 10 to finish (SIGTERM): recycled: ${why}\n`,
      );
      expect(plan).toMatchObject([{ kind: 'stop', isRecycle: true }]);
      expect(planOf([one('mail.1', 10, { ...facts, stop: stopOf(10) }), ...others])).toBe('');
    },
  );

  test.each<[string, Facts]>([
    ['is not too large', { memory: 512 * mega }],
    ['has just been started', { ...tooLarge, age: seconds(59) }],
    ['runs the release that it would get', { release: 'a1', nextRelease: 'a1' }],
    ['is of an unknown release', { nextRelease: 'b2' }],
    ['is at a job', { ...tooLarge, activity: busy }],
    ['is quiet', { ...tooLarge, quiet: quietOf(10, { stopsWhenIdle: false }) }],
    ['is not ready yet', { ...tooLarge, age: durationOf(500) }],
  ])('must be left alone when it %s', (_, facts) => {
    const plan = planOf([one('mail.1', 10, facts), ...others], noDesired, {
      ...policy,
      minAge: facts.age === durationOf(500) ? seconds(0) : policy.minAge,
    });
    expect(plan).not.toContain('recycled');
  });

  test('must be left alone by a command that was asked for something else', () => {
    const { plan } = decide(
      aConfig(worker()),
      noDesired,
      seenAt(durationOf(0), one('mail.1', 10, tooLarge), ...others),
    );
    expect(plan).toBe('');
  });

  test.each<[string, Desired]>([
    ['it is held', heldIntent('mail.1')],
    ['another one is to be quiet', { ...noDesired, quiet: { 'mail.2': { at: noon, by: 'ann' } } }],
    ['a restart is under way', rolling(aRollout({ 'mail.3': 12 }, { proven: provenFor('mail') }))],
    [
      'a restart was aborted',
      rolling(
        aRollout({ 'mail.2': 11 }, { aborted: { at: noon, instance: 'mail.2', problem: 'x' } }),
      ),
    ],
  ])('must be left alone while %s', (_, desired) => {
    expect(planOf([one('mail.1', 10, tooLarge), ...others], desired)).not.toContain('recycled');
  });

  test('must be asked for its stop and not for its wear when it is stopped', () => {
    const plan = planOf([one('mail.1', 10, tooLarge), ...others], stoppedIntent('mail.1'));
    expect(plan).toMatch(/^ask mail.1 pid 10 to finish \(SIGTERM\): stopped at /);
  });

  test.each<[string, ObservedInstance]>([
    ['is missing', absent('mail.3')],
    ['is dead', dead('mail.3', 12)],
    ['is starting', alive('mail.3', 12, { age: durationOf(100) })],
    ['drains', alive('mail.3', 12, { stop: stopOf(12) })],
  ])('must wait while another one %s, and go when that is stopped on purpose', (_, third) => {
    const all = [one('mail.1', 10, tooLarge), one('mail.2', 11), third];
    expect(planOf(all)).not.toContain('recycled');
    expect(planOf(all, stoppedIntent('mail.3'))).toContain('recycled');
  });

  test('must wait where not all of its worker were looked at', () => {
    expect(planOf([one('mail.1', 10, tooLarge), one('mail.2', 11)])).toBe('');
  });

  test('must have its turn alone, the idle ones first', () => {
    const all = [
      one('mail.1', 10, { ...tooLarge, activity: busy }),
      one('mail.2', 11, tooLarge),
      one('mail.3', 12, { ...tooLarge, activity: idle }),
    ];
    expect(planOf(all)).toBe(
      'ask mail.3 pid 12 to finish (SIGTERM): recycled: memory 530MB (limit 512MB)\n',
    );
  });

  test('must be reported as recycled when it has exited', () => {
    const gone = dead('mail.1', 10, { stop: { ...stopOf(10), isRecycle: true } });
    expect(planOf([gone, ...others])).toBe(
      'start mail.1: pid 10 exited to be recycled: status 0\n',
    );
  });

  test('must be looked at again when it may be worn, and soon when only its job is in the way', () => {
    const again = (...instances: ObservedInstance[]): number | undefined =>
      nextChange(aConfig(worker()), noDesired, seen(...instances));
    const young = [one('mail.2', 11), one('mail.3', 12)];
    expect(again(one('mail.1', 10, { age: seconds(3000) }), ...young)).toBe(600_000);
    expect(again(one('mail.1', 10, { age: seconds(20) }), ...young)).toBe(40_000);
    expect(again(one('mail.1', 10, { ...tooLarge, activity: busy }), ...young)).toBe(1000);
  });
});

test('status must show what was measured', () => {
  const status = statusFor(aConfig(worker()), noDesired, seen(one('mail.1', 10, tooLarge)));
  expect(status.instances[0]).toMatchObject({ memory: 530 * mega });
});

/** A fleet in miniature, on which passes act; between them its processes grow, work, leave, and become ready. */
interface Fleet {
  readonly places: Map<string, ObservedInstance>;
  nextPid: number;
  mostDown: number;
}

const isReady = (observed: ObservedInstance): boolean =>
  liveProcess(observed) !== undefined && sentStop(observed) === undefined && !isYoung(observed);
const isYoung = ({ presence }: ObservedInstance): boolean =>
  presence.kind === 'alive' && presence.process.startTime > 1000_00 - 100;

type Mishap = readonly [name: string, what: 'grows' | 'works' | 'rests' | 'leaves' | 'is ready'];

function befall({ places }: Fleet, [name, what]: Mishap): void {
  const before = places.get(name) ?? absent(name);
  const process = liveProcess(before);
  if (process === undefined) return;
  const { pid } = process;
  const stop = sentStop(before);
  const facts = { memory: before.memory ?? 1, ...(stop && { stop }) };
  const isUp = isYoung(before) ? { age: durationOf(100) } : {};
  switch (what) {
    case 'grows':
      places.set(name, one(name, pid, { ...facts, ...isUp, ...tooLarge }));
      return;
    case 'works':
      places.set(name, one(name, pid, { ...facts, ...isUp, activity: busy }));
      return;
    case 'rests':
      places.set(name, one(name, pid, { ...facts, ...isUp, activity: idle }));
      return;
    case 'is ready':
      places.set(name, one(name, pid, facts));
      return;
    case 'leaves':
      if (stop !== undefined) places.set(name, dead(name, pid, { stop }));
  }
}

function passOver(fleet: Fleet): number {
  const { places } = fleet;
  const plan = planned(aConfig(worker()), noDesired, seen(...places.values()));
  for (const action of plan) {
    const { instance } = action;
    const before = places.get(instance) ?? absent(instance);
    if (action.kind === 'start') {
      expect(liveProcess(before)).toBeUndefined();
      places.set(instance, one(instance, (fleet.nextPid += 1), { age: durationOf(100) }));
    } else if (action.kind === 'stop') {
      expect(sentStop(before), 'nobody is asked twice').toBeUndefined();
      expect(before.activity?.kind, 'nobody is asked at his job').not.toBe('busy');
      const { pid } = action.process;
      places.set(instance, one(instance, pid, { stop: stopOf(pid) }));
    } else throw new Error(`nobody wanted that: ${action.kind}`);
  }
  const down = [...places.values()].filter((each) => !isReady(each)).length;
  fleet.mostDown = Math.max(fleet.mostDown, down);
  return plan.length;
}

const fleetNames = ['mail.1', 'mail.2', 'mail.3'];
const mishaps = fc.tuple(
  fc.constantFrom(...fleetNames),
  fc.constantFrom('grows', 'works', 'rests', 'leaves', 'is ready'),
) as fc.Arbitrary<Mishap>;

test('whatever happens, never more than one must be down to be recycled, and in the end none is due', () => {
  fc.assert(
    fc.property(fc.array(mishaps, { maxLength: 60, size: 'max' }), (history) => {
      const places = new Map(fleetNames.map((name, index) => [name, one(name, 10 + index)]));
      const fleet: Fleet = { places, nextPid: 20, mostDown: 0 };
      for (const mishap of history) {
        befall(fleet, mishap);
        passOver(fleet);
      }
      expect(fleet.mostDown).toBeLessThanOrEqual(1);
      for (let round = 0; round < 40; round += 1) {
        for (const what of ['rests', 'leaves'] as const)
          for (const name of fleetNames) befall(fleet, [name, what]);
        passOver(fleet);
        for (const name of fleetNames) befall(fleet, [name, 'is ready']);
      }
      expect(passOver(fleet)).toBe(0);
      expect(
        [...places.values()].every((each) => isReady(each) && each.memory !== tooLarge.memory),
      ).toBe(true);
      expect(fleet.mostDown).toBeLessThanOrEqual(1);
    }),
    { numRuns: 500 },
  );
});
