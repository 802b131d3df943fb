import { describe, expect, test } from 'vitest';
import { noDesired } from '../../../src/core/model/desired.ts';
import type { Activity } from '../../../src/core/model/activity.ts';
import type { ObservedInstance } from '../../../src/core/model/observation.ts';
import type { Worker } from '../../../src/core/model/config.ts';
import {
  about,
  absent,
  aConfig,
  alive,
  aRollout,
  aWorker,
  busy,
  dead,
  decide,
  idle,
  retiring,
  noon,
  observation,
  quietOf,
  restartOf,
  restartPolicy,
  rolling,
  seconds,
  stoppedIntent,
  stopOf,
  draining,
  oldPids as all,
  oldThree as old,
} from '../builders.ts';

const names = ['mail.1', 'mail.2', 'mail.3'];
const mail = (maxExtra: number, more: Partial<Worker> = {}): Worker =>
  aWorker('mail', ['1', '2', '3'], {
    restart: restartPolicy({ overlap: true, maxExtra, canary: false }),
    ...more,
  });
const fresh = alive('mail.1', 101, { age: seconds(2) });
const allDraining = Object.entries(all).map(([name, pid]) => draining(name, pid));
const planWith = (maxExtra: number, ...seen: ObservedInstance[]): string =>
  decide(aConfig(mail(maxExtra)), rolling(aRollout(all)), observation(...seen)).plan;

const replaceOf = (name: string, pid: number): string[] => [
  `ask ${name} pid ${pid} to finish (SIGTERM): restart of 12:00:00 by ann@web1`,
  `let ${name} pid ${pid} drain beside its replacement: restart of 12:00:00 by ann@web1`,
  `start ${name}: its old process still drains`,
];

describe('with overlap', () => {
  test('a process must be asked, make room and be replaced in one pass', () => {
    expect(planWith(1, ...old).split('\n')).toEqual([...replaceOf('mail.1', 10), '']);
  });

  test('max_extra must bound how many leave beside their replacements', () => {
    expect(planWith(1, fresh, old[1], old[2], retiring('mail.1', 10))).toBe('');
    expect(planWith(2, fresh, old[1], old[2], retiring('mail.1', 10)).split('\n')).toEqual([
      ...replaceOf('mail.2', 20),
      '',
    ]);
    expect(planWith(3, ...old).match(/^let /gm)).toHaveLength(3);
  });

  test('the batch must bound it as well', () => {
    const restart = restartPolicy({
      overlap: true,
      maxExtra: 3,
      canary: false,
      batch: { kind: 'count', count: 2 },
    });
    const { plan } = decide(
      aConfig(mail(3, { restart })),
      rolling(aRollout(all)),
      observation(...old),
    );
    expect(plan.match(/^let /gm)).toHaveLength(2);
  });

  test('an old process that has exited must make room for the next', () => {
    const left = { ...dead('mail.1', 10, { stop: stopOf(10) }), retiring: 'start-10' };
    expect(planWith(1, fresh, old[1], old[2], left).split('\n')).toEqual([
      'remove the files of mail.1 (retiring): pid 10 exited: status 0',
      ...replaceOf('mail.2', 20),
      '',
    ]);
  });

  test('those that drain already must make room too, but not more than max_extra at once', () => {
    expect(planWith(3, ...allDraining).match(/^let /gm)).toHaveLength(3);
    expect(planWith(1, ...allDraining)).toBe(
      'let mail.1 pid 10 drain beside its replacement: restart of 12:00:00 by ann@web1\n' +
        'start mail.1: its old process still drains\n',
    );
    expect(planWith(1, fresh, retiring('mail.1', 10), ...allDraining.slice(1))).toBe('');
  });

  test('a place whose new process was not started after all must be filled by the next pass', () => {
    expect(planWith(1, absent('mail.1'), retiring('mail.1', 10), ...allDraining.slice(1))).toBe(
      'start mail.1: was not running\n',
    );
  });

  test.each([
    ['a signal', 'TSTP' as const, 'SIGTSTP'],
    ['a command', { command: ['hush'], timeout: seconds(30) }, 'by hush'],
  ])('a busy one that is made quiet first by %s must be replaced at once', (_, quiet, shown) => {
    const own = aConfig(mail(1, { stop: { signal: 'TERM', quiet } }));
    const alone = rolling(aRollout({ 'mail.1': 10 }));
    const plan = (...seen: ObservedInstance[]): string =>
      decide(own, alone, observation(...seen)).plan;
    const because = 'restart of 12:00:00 by ann@web1';
    const beside = `let mail.1 pid 10 drain beside its replacement: ${because}\nstart mail.1: its old process still drains\n`;
    expect(plan(alive('mail.1', 10, { activity: busy }))).toBe(
      `ask mail.1 pid 10 to take no new job (${shown}): ${because}\n${beside}`,
    );
    // A pass that was killed in between.
    expect(plan(alive('mail.1', 10, { activity: busy, quiet: quietOf(10) }))).toBe(beside);
  });

  test('one that was made quiet must be asked to exit beside its replacement, when it is idle, once', () => {
    const own = aConfig(mail(1, { stop: { signal: 'TERM', quiet: 'TSTP' } }));
    const beside = (more: object): ObservedInstance => {
      const { presence, ...rest } = retiring('mail.1', 10, { quiet: quietOf(10), ...more });
      const { stop, ...unasked } = presence as Extract<typeof presence, { kind: 'alive' }>;
      return {
        ...rest,
        presence: 'stop' in more ? { ...unasked, ...(stop && { stop }) } : unasked,
      };
    };
    const plan = (more: object, desired = noDesired): string =>
      decide(own, desired, observation(fresh, beside(more))).plan;
    expect(plan({ activity: busy })).toBe('');
    expect(plan({ activity: idle })).toBe(
      'ask mail.1 (retiring) pid 10 to finish (SIGTERM): restart\n',
    );
    expect(plan({ activity: idle, stop: stopOf(10) })).toBe('');
    expect(plan({ activity: idle }, { ...noDesired, isEnding: 'watch ends' })).toContain(
      'ask mail.1 (retiring) pid 10 to finish',
    );
    expect(plan({ activity: idle }, stoppedIntent('mail.1'))).toContain(
      'pid 10 to finish (SIGTERM): stopped at 12:00:00 by ann@web1',
    );
    // Its replacement is asked in the same pass.
    const hushed = { ...noDesired, quiet: { 'mail.1': { at: noon, by: 'ann@web1' } } };
    expect(plan({ activity: idle }, hushed)).toMatch(
      /^ask mail\.1 \(retiring\) pid 10 to finish .*\nask mail\.1 pid \d+ to take no new job/,
    );
  });

  test('an idle one must not wait for a busy one that drains beside its replacement', () => {
    const own = aConfig(mail(1));
    const beside = retiring('mail.1', 10, { activity: busy });
    const plan = (...seen: ObservedInstance[]): string =>
      decide(own, noDesired, observation(...seen, beside), restartOf(names)).plan;
    const on = (name: string, pid: number, activity: Activity): ObservedInstance =>
      alive(name, pid, { activity });
    // It is replaced in its place: there is no room beside.
    expect(plan(on('mail.1', 11, busy), on('mail.2', 20, idle), on('mail.3', 30, busy))).toBe(
      'ask mail.2 pid 20 to finish (SIGTERM): restart of 12:00:00 by bob@web1\n',
    );
    expect(plan(on('mail.1', 11, busy), on('mail.2', 20, busy), on('mail.3', 30, busy))).toBe('');
  });

  test('the command must be able to ask for it, and to do without', () => {
    const without = aConfig(aWorker('mail', ['1']));
    const seen = observation(old[0]);
    const plan = (config: typeof without, overlap: boolean): string =>
      decide(config, noDesired, seen, restartOf(['mail.1'], { overlap })).plan;
    expect(plan(without, true)).toContain('let mail.1');
    expect(plan(aConfig(mail(1)), false)).not.toContain('let mail.1');
  });
});

describe('an old process that leaves', () => {
  const config = aConfig(mail(1));
  const unsent = retiring('mail.1', 10, { stop: stopOf(10, false) });

  test('must never be moved or given a pidfile, nor be asked if it was', () => {
    const asked = retiring('mail.1', 10);
    const { name } = asked;
    const seen = observation(fresh, asked, ...old.slice(1));
    const restart = restartOf([...names, name], { canary: false });
    for (const goal of [restart, { kind: 'stop', ...about(...names, name) } as const])
      expect(decide(config, noDesired, seen, goal).plan).not.toContain('(retiring)');
  });

  const { presence: unnotedPresence } = alive('mail.1', 10);
  const unnoted: ObservedInstance = { ...unsent, presence: unnotedPresence };

  test.each([
    ['whose signal did not go out', unsent],
    ['whose note is gone', unnoted],
  ])('%s must be asked', (_, observed) => {
    expect(decide(config, noDesired, observation(fresh, observed)).plan).toBe(
      'ask mail.1 (retiring) pid 10 to finish (SIGTERM): its replacement runs, and nothing notes that it was asked\n',
    );
  });

  test('must be killed without a clear note only at the limit that a command has set', () => {
    const unclear = { path: '/x', problem: '/x: expected a stop' };
    const doubtful = retiring('mail.1', 10, { stop: stopOf(10, true, { unclear }) });
    const seen = observation(fresh, doubtful);
    const kill = 'kill mail.1 (retiring) pid 10';
    expect(decide(config, noDesired, seen).plan).not.toContain(kill);
    const goal = { kind: 'stop', ...about('mail.1'), killAfter: seconds(0) } as const;
    const { plan } = decide(config, noDesired, seen, goal);
    expect(plan).toContain(kill);
    expect(plan).toContain('the limit that a command has set is over');
  });

  test('must not be remembered as stopped', () => {
    const goal = { kind: 'stop', ...about('mail.1', unsent.name) } as const;
    const { desired } = decide(config, noDesired, observation(fresh, unsent), goal);
    expect(Object.keys(desired.stopped)).toEqual(['mail.1']);
  });

  test('must be left alone where the config does not have its worker', () => {
    const own = aConfig(aWorker('fsck', ['a']));
    expect(decide(own, noDesired, observation(unsent)).plan).toBe('');
  });
});
