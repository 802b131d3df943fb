import { describe, expect, test } from 'vitest';
import { noDesired, type Desired, type Rollout } from '../../../src/core/model/desired.ts';
import { noLedger } from '../../../src/core/model/ledger.ts';
import type { ObservedInstance } from '../../../src/core/model/observation.ts';
import type { Goal } from '../../../src/core/rules/apply-goal.ts';
import type { Worker } from '../../../src/core/model/config.ts';
import {
  about,
  absent,
  aConfig,
  alive,
  aRollout,
  aWorker,
  busy,
  crashed,
  dead,
  decide,
  heldIntent,
  idle,
  nextChange,
  noon,
  noonPlus,
  observation,
  provenFor,
  quietOf,
  restartOf,
  rolling,
  seconds,
  seenAt,
  stopOf,
  stoppedIntent,
  stray,
  draining,
  oldPids as all,
  oldThree as old,
} from '../builders.ts';

/**
 * What each command does to a restart of mail.1 to mail.3 that is under way, cell by cell: to its members, and to the
 * restart. What the waiting command says is tested with real processes.
 */
const mail = (more: Partial<Worker> = {}): Worker => aWorker('mail', ['1', '2', '3'], more);
const config = aConfig(mail());
const fleet = aConfig(mail(), aWorker('fsck', ['a']));
const names = Object.keys(all);
const restart = rolling(aRollout(all));
const proven = rolling(aRollout(all, { proven: provenFor('mail') }));
const aborted = rolling(
  aRollout(all, { aborted: { at: noon, instance: 'mail.1', problem: 'it died' } }),
);
const exited = (name: string, pid: number): ObservedInstance =>
  dead(name, pid, { stop: stopOf(pid) });
const renewed = (name: string, pid: number): ObservedInstance =>
  alive(name, pid, { age: seconds(2) });

/** The instances that a plan asks to exit, and those that it starts. */
const stepsIn = (plan: string): string[] =>
  [...plan.matchAll(/^(ask|start) (\S+?):? /gm)].map(
    ([, verb = '', name = '']) => `${verb} ${name}`,
  );
const decided = (desired: Desired, goal: Goal, ...seen: ObservedInstance[]) => {
  const after = decide(config, desired, observation(...seen), goal);
  return { ...after, steps: stepsIn(after.plan) };
};
const check: Goal = { kind: 'check' };
const steer = (kind: 'pause' | 'continue' | 'cancel', more = {}): Goal => ({
  kind,
  rollouts: ['first'],
  by: 'bob@web1',
  ...more,
});
const membersIn = ({ rollouts }: Desired): string[][] =>
  rollouts.map(({ replaces }: Rollout) => Object.keys(replaces));
const endsOf = ({ ended }: Desired): string[] =>
  ended.map(({ id, how, by }) => `${id} ${how} ${by}`);

describe('rollout pause', () => {
  const seen = [draining('mail.1', 10), exited('mail.2', 20), old[2]] as const;

  test('members: those not asked are not asked, those asked are replaced', () => {
    expect(decided(proven, check, ...seen).steps).toEqual(['ask mail.3', 'start mail.2']);
    const { steps, desired } = decided(proven, steer('pause'), ...seen);
    expect(steps).toEqual(['start mail.2']);
    expect(decided(desired, check, ...seen).steps).toEqual(['start mail.2']);
  });

  test('rollout: it is paused, by which user, and ends by itself if that was asked for', () => {
    const { desired } = decided(proven, steer('pause', { until: noonPlus(seconds(60)) }), ...seen);
    expect(desired.rollouts[0]?.paused).toEqual({
      at: noon,
      by: 'bob@web1',
      until: noonPlus(seconds(60)),
    });
    expect(nextChange(config, desired, seenAt(seconds(20), ...seen))).toBe(seconds(40));
    const later = decide(config, desired, seenAt(seconds(60), ...seen));
    expect(later.desired.rollouts[0]?.paused).toBeUndefined();
    expect(stepsIn(later.plan)).toContain('ask mail.3');
  });

  test('rollout: a replacement that fails still aborts it', () => {
    const { desired } = decided(restart, steer('pause'), crashed('mail.1', 101), old[1], old[2]);
    expect(desired.rollouts[0]?.aborted?.instance).toBe('mail.1');
  });
});

test('rollout continue: members and rollout are as before', () => {
  const paused = rolling(
    aRollout(all, { proven: provenFor('mail'), paused: { at: noon, by: 'bob@web1' } }),
  );
  const { steps, desired } = decided(paused, steer('continue'), ...old);
  expect(steps).toEqual(['ask mail.1', 'ask mail.2', 'ask mail.3']);
  expect(desired).toEqual(proven);
});

describe('rollout cancel', () => {
  const seen = [renewed('mail.1', 101), draining('mail.2', 20), old[2]] as const;

  test('members: those not asked keep the old code, those asked are replaced', () => {
    const { steps, desired } = decided(proven, steer('cancel'), ...seen);
    expect(steps).toEqual([]);
    expect(membersIn(desired)).toEqual([['mail.1', 'mail.2']]);
    const later = decided(desired, check, seen[0], exited('mail.2', 20), old[2]);
    expect(later.steps).toEqual(['start mail.2']);
  });

  test('rollout: it ends as cancelled when the last asked one is back', () => {
    const { desired } = decided(proven, steer('cancel'), ...seen);
    expect(desired.rollouts[0]?.cancelled).toEqual({ at: noon, by: 'bob@web1' });
    const starting = alive('mail.2', 201, { age: seconds(0) });
    expect(endsOf(decided(desired, check, seen[0], starting, old[2]).desired)).toEqual([]);
    const over = decided(desired, check, seen[0], renewed('mail.2', 201), old[2]).desired;
    expect([over.rollouts, endsOf(over)]).toEqual([[], ['first cancelled bob@web1']]);
  });

  test('rollout: it ends at once if none was asked, also a paused or an aborted one', () => {
    for (const desired of [
      restart,
      rolling(aRollout(all, { paused: { at: noon, by: 'ann' } })),
      aborted,
    ])
      expect(endsOf(decided(desired, steer('cancel'), ...old).desired)).toEqual([
        'first cancelled bob@web1',
      ]);
  });

  test('rollout: others are not touched', () => {
    const both = rolling(aRollout({ 'mail.1': 10 }), aRollout({ 'mail.2': 20 }, { id: 'other' }));
    const { desired } = decided(both, steer('cancel'), ...old);
    expect(desired.rollouts.map(({ id }) => id)).toEqual(['other']);
  });
});

describe('hold X', () => {
  const hold: Goal = { kind: 'hold', ...about('mail.1') };
  const unhold: Goal = { kind: 'unhold', ...about('mail.1') };

  test('members: it is neither asked nor started, and stays one', () => {
    const { steps, desired } = decided(restart, hold, ...old);
    expect(steps).toEqual(['ask mail.2']);
    expect(membersIn(desired)).toEqual([names]);
    const rest = [renewed('mail.2', 102), renewed('mail.3', 103)];
    const open = decided(desired, check, old[0], ...rest).desired;
    expect(decided(open, unhold, old[0], ...rest).steps).toEqual(['ask mail.1']);
  });

  test('members: one that was asked drains, and is replaced after the hold', () => {
    const { steps, desired } = decided(restart, hold, draining('mail.1', 10), old[1], old[2]);
    expect(steps).toEqual(['ask mail.2']);
    const seen = [exited('mail.1', 10), draining('mail.2', 20), old[2]] as const;
    expect(decided(desired, check, ...seen).steps).toEqual([]);
    expect(decided(desired, unhold, ...seen).steps).toEqual(['start mail.1']);
  });

  test('rollout: it stays open while one is held, also if all are', () => {
    const rest = [renewed('mail.2', 102), renewed('mail.3', 103)];
    const held = { ...restart, held: heldIntent('mail.1').held };
    expect(decided(held, check, old[0], ...rest).desired.rollouts).toHaveLength(1);
    const allHeld = { ...restart, held: heldIntent(...names).held };
    const seen = [renewed('mail.1', 101), old[1], old[2]] as const;
    const after = decided(allHeld, { kind: 'unhold', ...about(...names) }, ...seen);
    expect(after.steps).toEqual(['ask mail.2', 'ask mail.3']);
    const over = decided(held, check, renewed('mail.1', 101), ...rest).desired;
    expect(endsOf(over)).toEqual(['first done ann@web1']);
  });

  test('rollout: a pass in the middle of hold and unhold must not end it', () => {
    const seen = [renewed('mail.1', 101), old[1], old[2]] as const;
    const held = decided(proven, { kind: 'hold', ...about('mail.2', 'mail.3') }, ...seen).desired;
    const still = decided(held, check, ...seen).desired;
    const { desired } = decided(still, { kind: 'unhold', ...about('mail.2', 'mail.3') }, ...seen);
    expect([membersIn(desired), endsOf(desired)]).toEqual([[names], []]);
  });
});

describe('stop X', () => {
  const stop = (...some: string[]): Goal => ({ kind: 'stop', ...about(...some) });

  test('members: it is excluded', () => {
    const { steps } = decided(restart, stop('mail.1'), draining('mail.1', 10), old[1], old[2]);
    expect(steps).toEqual(['ask mail.2']);
  });

  test('rollout: it is done if at least one was replaced', () => {
    const seen = [renewed('mail.1', 101), old[1], old[2]] as const;
    const some = decided(restart, stop('mail.2', 'mail.3'), ...seen).desired;
    expect(endsOf(some)).toEqual(['first done ann@web1']);
    const every = decided(proven, stop(...names), ...seen).desired;
    expect(endsOf(every)).toEqual(['first done ann@web1']);
  });

  test('rollout: it ends as stopped if all were excluded', () => {
    const { desired } = decided(restart, stop(...names), draining('mail.1', 10), old[1], old[2]);
    expect([desired.rollouts, endsOf(desired)]).toEqual([[], ['first stopped ann@web1']]);
  });
});

describe('start X', () => {
  const stopped = (desired: Desired): Desired => ({
    ...desired,
    stopped: stoppedIntent('mail.1').stopped,
  });
  const start: Goal = { kind: 'start', ...about('mail.1') };

  test('members: it runs the new code, and proves nothing for the others', () => {
    const seen = [exited('mail.1', 10), old[1], old[2]] as const;
    const { steps, desired } = decided(stopped(restart), start, ...seen);
    expect(steps).toEqual(['ask mail.2', 'start mail.1']);
    const later = decided(desired, check, renewed('mail.1', 101), draining('mail.2', 20), old[2]);
    expect([later.steps, later.desired.rollouts[0]?.proven]).toEqual([[], {}]);
  });

  test('members: one that was stopped before the restart is none', () => {
    const two = rolling(aRollout({ 'mail.2': 20, 'mail.3': 30 }));
    const { desired } = decided(stopped(two), start, exited('mail.1', 10), old[1], old[2]);
    const { steps } = decided(
      desired,
      check,
      renewed('mail.1', 101),
      draining('mail.2', 20),
      old[2],
    );
    expect(steps).toEqual([]);
  });

  test('members: it counts for the batch while it drains', () => {
    const own = rolling(
      aRollout(all, { proven: provenFor('mail'), options: { batch: { kind: 'count', count: 1 } } }),
    );
    const { steps } = decided(stopped(own), start, draining('mail.1', 10), old[1], old[2]);
    expect(steps).toEqual([]);
  });

  test('rollout: it is unchanged, and after an abort nothing is proven', () => {
    const seen = [crashed('mail.1', 101), old[1], old[2]] as const;
    const { steps, desired } = decided(aborted, start, ...seen);
    expect(steps).toEqual(['start mail.1']);
    const later = decided(desired, check, renewed('mail.1', 102), old[1], old[2]);
    expect(later.desired.rollouts[0]).toMatchObject({
      proven: {},
      aborted: { problem: 'it died' },
    });
    expect(later.steps).toEqual([]);
  });
});

describe('quiet and resume X', () => {
  const own = aConfig(mail({ stop: { signal: 'TERM', quiet: 'TSTP' } }));
  const quiet = { 'mail.1': { at: noon, by: 'ann@web1' } };

  test('members: it is replaced in its turn, and the replacement inherits the quiet', () => {
    const quieted = alive('mail.1', 10, { quiet: quietOf(10, { stopsWhenIdle: false }) });
    const desired = { ...restart, quiet };
    const asked = decide(own, desired, observation(quieted, old[1], old[2]));
    expect(stepsIn(asked.plan)).toEqual(['ask mail.1']);
    const { plan } = decide(own, desired, observation(renewed('mail.1', 101), old[1], old[2]));
    expect(plan).toContain('ask mail.1 pid 101 to take no new job (SIGTSTP)');
  });

  test('rollout: it is unchanged; a quiet replacement is a proof', () => {
    const quieted = alive('mail.1', 101, {
      age: seconds(2),
      quiet: quietOf(101, { stopsWhenIdle: false }),
    });
    const { desired } = decide(own, { ...restart, quiet }, observation(quieted, old[1], old[2]));
    expect(desired.rollouts[0]?.proven).toEqual(provenFor('mail'));
    const goal: Goal = { kind: 'resume', id: 'third', ...about('mail.1') };
    const after = decide(own, { ...restart, quiet }, observation(...old), goal).desired;
    expect(membersIn(after)).toEqual([names]);
  });
});

describe('want lower', () => {
  const want = (...identifiers: string[]): Goal => ({
    kind: 'want',
    worker: 'mail',
    identifiers,
    by: 'ann@web1',
  });

  test('members: the surplus is excluded and drained without replacement; the canary moves on', () => {
    const seen = [old[0], old[1], draining('mail.3', 30)] as const;
    const { steps, desired } = decided(restart, want('1', '2'), ...seen);
    expect(steps).toEqual(['ask mail.1']);
    const gone = decided(desired, check, draining('mail.1', 10), old[1], exited('mail.3', 30));
    expect(gone.steps).toEqual([]);
  });

  test('rollout: it is done without the surplus, and ends as stopped if all are surplus', () => {
    const rest = [renewed('mail.1', 101), renewed('mail.2', 102), old[2]];
    expect(endsOf(decided(restart, want('1', '2'), ...rest).desired)).toEqual([
      'first done ann@web1',
    ]);
    expect(endsOf(decided(restart, want(), ...old).desired)).toEqual(['first stopped ann@web1']);
  });
});

describe('want or count higher', () => {
  const want: Goal = {
    kind: 'want',
    worker: 'mail',
    identifiers: ['1', '2', '3', '4', '5'],
    by: 'ann@web1',
  };
  const fresh = [absent('mail.4'), absent('mail.5')];

  test('members: new ones have no old process, and are canaries while nothing is proven', () => {
    const { steps, desired } = decided(restart, want, ...old, ...fresh);
    expect(steps).toEqual(['start mail.4', 'start mail.5']);
    expect(desired.rollouts[0]?.replaces).toMatchObject({ 'mail.4': null, 'mail.5': null });
    const starting = ['mail.4', 'mail.5'].map((name, n) =>
      alive(name, 401 + n, { age: seconds(0) }),
    );
    expect(decided(desired, check, ...old, ...starting).steps).toEqual([]);
    const ready = ['mail.4', 'mail.5'].map((name, n) => renewed(name, 401 + n));
    expect(decided(desired, check, ...old, ...ready).steps).toEqual([
      'ask mail.1',
      'ask mail.2',
      'ask mail.3',
    ]);
  });

  test('members: the same if the config has more', () => {
    const more = aConfig(aWorker('mail', ['1', '2', '3', '4']));
    const { plan, desired } = decide(more, restart, observation(...old, absent('mail.4')));
    expect(stepsIn(plan)).toEqual(['start mail.4']);
    expect(membersIn(desired)).toEqual([[...names, 'mail.4']]);
  });

  test('members: one that fails aborts the restart', () => {
    const { desired } = decided(restart, want, ...old, ...fresh);
    const failed = decided(desired, check, ...old, crashed('mail.4', 401), absent('mail.5'));
    expect(failed.desired.rollouts[0]?.aborted?.instance).toBe('mail.4');
    expect(failed.steps).toEqual([]);
  });

  test('members: they are not started after an abort, unless by name or nothing old runs', () => {
    const { steps, desired } = decided(aborted, want, ...old, ...fresh);
    expect(steps).toEqual([]);
    const start: Goal = { kind: 'start', ...about('mail.4') };
    expect(decided(desired, start, ...old, ...fresh).steps).toEqual(['start mail.4']);
    const allNew = names.map((name, n) => crashed(name, 101 + n));
    expect(decided(desired, check, ...allNew, ...fresh).steps).toEqual([
      'start mail.4',
      'start mail.5',
    ]);
  });

  test('rollout: it is not over before they are ready', () => {
    const rest = names.map((name, n) => renewed(name, 101 + n));
    const { desired } = decided(restart, want, old[0], ...rest.slice(1), ...fresh);
    const starting = [alive('mail.4', 401, { age: seconds(0) }), renewed('mail.5', 402)];
    expect(decided(desired, check, ...rest, ...starting).desired.rollouts).toHaveLength(1);
  });
});

describe('adopt X', () => {
  const adopt: Goal = { kind: 'adopt', ...about('mail.1') };

  test('members: the adopted process is one that is not asked yet', () => {
    const desired = { ...proven, stopped: stoppedIntent('mail.1').stopped };
    const own = decided(desired, adopt, stray('mail.1', 77));
    expect(own.steps).toEqual([]);
    expect(own.desired.rollouts[0]?.replaces['mail.1']).toMatchObject({ pid: 77 });
    const later = decided(own.desired, check, alive('mail.1', 77), old[1], old[2]);
    expect(later.steps).toContain('ask mail.1');
  });

  test('members: also if the instance was none', () => {
    const two = rolling(aRollout({ 'mail.2': 20, 'mail.3': 30 }));
    const { desired } = decided(two, adopt, stray('mail.1', 77), old[1], old[2]);
    expect(membersIn(desired)).toEqual([['mail.2', 'mail.3', 'mail.1']]);
  });

  test('rollout: it goes on; a process that is its own already is not adopted anew', () => {
    const { desired } = decided(proven, adopt, renewed('mail.1', 101), old[1], old[2]);
    expect(desired.rollouts[0]?.replaces).toMatchObject({ 'mail.1': { pid: 10 } });
  });
});

describe('a worker that is gone from the config', () => {
  const without = aConfig(aWorker('fsck', ['a']));
  const seen = observation(renewed('mail.1', 101), old[1], old[2], alive('fsck.a', 40));

  test('members: they are unseen, not done', () => {
    const { plan, desired } = decide(without, proven, seen);
    expect([plan, membersIn(desired)]).toEqual(['', [names]]);
  });

  test('rollout: it stays open, also if all of another worker are replaced', () => {
    const both = rolling(aRollout({ ...all, 'fsck.a': 40 }));
    const rest = observation(alive('fsck.a', 401, { age: seconds(2) }));
    const { desired } = decide(without, both, rest);
    expect(membersIn(desired)).toEqual([[...names, 'fsck.a']]);
  });

  test('rollout: it goes on when the worker is back, or is cancelled', () => {
    const { desired } = decide(without, proven, seen);
    expect(stepsIn(decide(fleet, desired, seen).plan)).toEqual(['ask mail.2', 'ask mail.3']);
    expect(endsOf(decide(without, desired, seen, steer('cancel')).desired)).toEqual([
      'first cancelled bob@web1',
    ]);
  });
});

describe('a second restart', () => {
  test('members: they move over; one that drains is not asked again, an idle one is asked at once', () => {
    const seen = [
      { ...draining('mail.1', 10), activity: busy },
      { ...old[1], activity: busy },
      { ...old[2], activity: idle },
    ];
    const { steps, desired } = decided(restart, restartOf(names), ...seen);
    expect(steps).toEqual(['ask mail.3']);
    expect(membersIn(desired)).toEqual([names]);
  });

  test('members: one that drains counts for the batch', () => {
    const goal = restartOf(names, { batch: { kind: 'count', count: 1 } });
    expect(decided(restart, goal, draining('mail.1', 10), old[1], old[2]).steps).toEqual([]);
  });

  test('members: while only busy ones are left, patience counts', () => {
    const seen = [draining('mail.1', 10), old[1], old[2]].map((one) => ({
      ...one,
      activity: busy,
    }));
    const { steps, desired } = decided(restart, restartOf(names), ...seen);
    expect(steps).toEqual([]);
    const later = decide(config, desired, seenAt(seconds(30), ...seen));
    expect(stepsIn(later.plan)).toEqual(['ask mail.2']);
  });

  test('rollout: the first is taken over, for those or as a whole', () => {
    const some = decided(restart, restartOf(['mail.2']), ...old).desired;
    expect([membersIn(some), endsOf(some)]).toEqual([[['mail.1', 'mail.3'], ['mail.2']], []]);
    const every = decided(restart, restartOf(names), ...old).desired;
    expect([membersIn(every), endsOf(every)]).toEqual([[names], ['first taken_over bob@web1']]);
  });

  test('rollout: an aborted one is over, also if one of its instances is held', () => {
    const held = { ...aborted, held: heldIntent('mail.3').held };
    const { desired } = decided(held, restartOf(names), ...old);
    expect([membersIn(desired), endsOf(desired)]).toEqual([
      [['mail.1', 'mail.2']],
      ['first taken_over bob@web1'],
    ]);
  });
});

describe('a reboot', () => {
  const rebooted = names.map((name, n) =>
    dead(name, 10 * (n + 1), { death: { kind: 'rebooted' } }),
  );

  test('members: those without a process start; the canary rule goes on', () => {
    const { steps, desired } = decided(restart, check, ...rebooted);
    expect(steps).toEqual(['start mail.1', 'start mail.2', 'start mail.3']);
    const up = [
      crashed('mail.1', 101),
      renewed('mail.2', 102),
      alive('mail.3', 103, { age: seconds(0) }),
    ];
    const later = decided(desired, check, ...up).desired.rollouts;
    expect(later[0]).toMatchObject({ proven: provenFor('mail'), aborted: { instance: 'mail.1' } });
  });

  test('members: a replacement that the reboot ended is no failure', () => {
    const seen = [dead('mail.1', 101, { death: { kind: 'rebooted' } }), ...rebooted.slice(1)];
    const { steps, desired } = decided(proven, check, ...seen);
    expect(steps).toHaveLength(3);
    expect(desired.rollouts[0]?.aborted).toBeUndefined();
  });

  test('rollout: it goes on, also an aborted or a paused one', () => {
    expect(decided(aborted, check, ...rebooted).steps).toHaveLength(3);
    const paused = rolling(aRollout(all, { paused: { at: noon, by: 'ann@web1' } }));
    expect(decided(paused, check, ...rebooted).steps).toHaveLength(3);
  });
});

test('the last sixteen ended rollouts are kept, for commands that still wait for them', () => {
  const ended = Array.from({ length: 16 }, (_, n) => ({
    id: `old${n}`,
    at: noon,
    by: 'ann@web1',
    how: 'done' as const,
  }));
  const { desired } = decided({ ...restart, ended }, steer('cancel'), ...old);
  expect(desired.ended).toHaveLength(16);
  expect(desired.ended.at(-1)?.id).toBe('first');
  expect(decided(noDesired, check, ...old).desired.ended).toEqual([]);
});

describe('a rollback after an abort', () => {
  const failed = { at: noon, instance: 'mail.1', problem: 'it died' };
  const releases = { mail: { from: 'r1', to: 'r2' } };
  const broken = rolling(aRollout(all, { aborted: failed, releases }));
  const giving = (
    seen: ReturnType<typeof observation>,
    release: string,
  ): ReturnType<typeof observation> => ({
    ...seen,
    launches: new Map(names.map((name) => [name, { release, commandDigest: 'digest' }])),
  });
  const seen = observation(crashed('mail.1', 101), old[1], old[2]);

  test('ends the restart, whichever pass notices, and only then', () => {
    const open = decide(config, broken, giving(seen, 'r2')).desired;
    expect(open.rollouts).toHaveLength(1);
    const back = decide(config, open, giving(seen, 'r1')).desired;
    expect([back.rollouts, endsOf(back)]).toEqual([[], ['first rolled_back ann@web1']]);
  });

  test.each([
    ['the release never changed', { mail: { from: 'r1', to: 'r1' } }],
    ['the old release is not known', { mail: { to: 'r2' } }],
    [
      'another worker is not back',
      { mail: { from: 'r1', to: 'r2' }, fsck: { from: 'r0', to: 'r2' } },
    ],
  ])('does not end it if %s', (_, other) => {
    const desired = rolling(aRollout(all, { aborted: failed, releases: other }));
    expect(decide(config, desired, giving(seen, 'r1')).desired.rollouts).toHaveLength(1);
  });

  test('does not end one that was not aborted: it goes on to the old release', () => {
    const running = rolling(aRollout(all, { releases }));
    const whole = giving(observation(...old), 'r1');
    expect(stepsIn(decide(config, running, whole).plan)).toEqual(['ask mail.1']);
  });

  test('is noticed by the restart that takes the instances over', () => {
    const { desired } = decide(config, broken, giving(seen, 'r1'), restartOf(names));
    expect(endsOf(desired)).toEqual(['first rolled_back bob@web1']);
  });

  test('clears the delay of failures, which belong to their release', () => {
    const ledger = {
      ...noLedger,
      failures: { 'mail.1': { runId: 'start-101', count: 5, at: noon, release: 'r2' } },
      reportedDeaths: { 'mail.1': 'start-101' },
    };
    const check = { kind: 'check' } as const;
    expect(decide(config, broken, giving(seen, 'r2'), check, ledger).plan).toBe('');
    const back = decide(config, broken, giving(seen, 'r1'), check, ledger);
    expect(back.ledger.failures).toEqual({});
    expect(stepsIn(back.plan)).toEqual(['start mail.1']);
  });
});
