import { describe, expect, test } from 'vitest';
import { noDesired } from '../../../src/core/model/desired.ts';
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
  observation,
  quietOf,
  restartOf,
  restartPolicy,
  rolling,
  seconds,
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

  test('a busy one that knows how to be quiet must be replaced when it is idle', () => {
    const own = aConfig(mail(1, { stop: { signal: 'TERM', quiet: 'TSTP' } }));
    const alone = rolling(aRollout({ 'mail.1': 10 }));
    const plan = (...seen: ObservedInstance[]): string =>
      decide(own, alone, observation(...seen)).plan;
    expect(plan(alive('mail.1', 10, { activity: busy }))).toBe(
      'ask mail.1 pid 10 to take no new job (SIGTSTP): restart of 12:00:00 by ann@web1\n',
    );
    const quieted = alive('mail.1', 10, { activity: idle, quiet: quietOf(10) });
    expect(plan(quieted)).toContain('let mail.1 pid 10 drain beside its replacement');
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

  test('must never be asked, moved or given a pidfile', () => {
    const { name } = unsent;
    const seen = observation(fresh, unsent, ...old.slice(1));
    const restart = restartOf([...names, name], { canary: false });
    for (const goal of [restart, { kind: 'stop', ...about(...names, name) } as const])
      expect(decide(config, noDesired, seen, goal).plan).not.toContain('(retiring)');
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
