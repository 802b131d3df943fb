import { describe, expect, test } from 'vitest';
import { noDesired } from '../../../src/core/model/desired.ts';
import { formatPlan } from '../../../src/core/model/plan.ts';
import {
  absent,
  aConfig,
  alive,
  aRollout,
  aWorker,
  dead,
  observation,
  planned,
  rolling,
  stopOf,
  stoppedIntent,
  stray,
} from '../builders.ts';

const config = aConfig(aWorker('mail', ['1', '2']));
const planOf = (desired = noDesired, ...instances: Parameters<typeof observation>): string =>
  formatPlan(planned(config, desired, observation(...instances)));

describe('a pass', () => {
  test('must leave alone what is well', () => {
    expect(planOf(noDesired, alive('mail.1', 10), alive('mail.2', 20))).toBe('');
  });

  test('must start what is missing, and say why it is', () => {
    const died = dead('mail.2', 20, { death: { kind: 'signalled', signal: 9, coreDumped: false } });
    expect(planOf(noDesired, absent('mail.1'), died)).toBe(
      'start mail.1: was not running\nstart mail.2: pid 20 died: signal 9 (SIGKILL)\n',
    );
  });

  test('must not call a death that was asked for by that name', () => {
    expect(planOf(noDesired, dead('mail.1', 10, { stop: stopOf(10) }))).toBe(
      'start mail.1: pid 10 exited as asked: status 0\n',
    );
  });

  test('must leave alone what was stopped on purpose', () => {
    expect(planOf(stoppedIntent('mail.1'), dead('mail.1', 10), alive('mail.2', 20))).toBe('');
  });

  test('must ask a stopped instance that still runs to finish, once', () => {
    expect(planOf(stoppedIntent('mail.1'), alive('mail.1', 10))).toBe(
      'ask mail.1 pid 10 to finish (SIGTERM): stopped at 12:00:00 by ann@web1\n',
    );
    expect(planOf(stoppedIntent('mail.1'), alive('mail.1', 10, { stop: stopOf(10) }))).toBe('');
  });

  test('must ask again when the signal never went out', () => {
    expect(
      planOf(stoppedIntent('mail.1'), alive('mail.1', 10, { stop: stopOf(10, false) })),
    ).toContain('ask mail.1 pid 10');
  });

  test('must replace only the very processes that the rollout names', () => {
    const desired = rolling(aRollout({ 'mail.1': 10, 'mail.2': 19 }));
    expect(planOf(desired, alive('mail.1', 10), alive('mail.2', 20))).toBe(
      'ask mail.1 pid 10 to finish (SIGTERM): restart of 12:00:00 by ann@web1\n',
    );
  });

  test('must not wake by a rollout what was stopped on purpose', () => {
    const { stopped } = stoppedIntent('mail.1');
    const desired = { ...rolling(aRollout({ 'mail.1': 10 })), stopped };
    expect(planOf(desired, dead('mail.1', 10))).toBe('');
  });

  test('must drain what the config no longer wants, and never start it', () => {
    expect(planOf(noDesired, alive('mail.1', 10), alive('mail.2', 20), alive('mail.3', 30))).toBe(
      'ask mail.3 pid 30 to finish (SIGTERM): 2 of mail are wanted; this one is surplus\n',
    );
    expect(planOf(noDesired, dead('mail.3', 30))).toBe('');
  });

  test('must leave alone the instances of a worker that the config does not have', () => {
    expect(planOf(noDesired, alive('images.1', 10), alive('mailer.1', 20))).toBe('');
  });

  test('must adopt a stray and not double it', () => {
    expect(planOf(noDesired, stray('mail.1', 10))).toBe(
      'adopt pid 10 as mail.1: it runs, but no record claims it\n',
    );
  });

  test('must adopt a stray before it asks it to finish', () => {
    expect(planOf(stoppedIntent('mail.1'), stray('mail.1', 10))).toBe(
      'adopt pid 10 as mail.1: it runs, but no record claims it\n' +
        'ask mail.1 pid 10 to finish (SIGTERM): stopped at 12:00:00 by ann@web1\n',
    );
  });

  test.each([
    [{ kind: 'absent' } as const, 'it was missing'],
    [
      { kind: 'broken', problem: 'expected a pid, found an empty file' } as const,
      'expected a pid, found an empty file',
    ],
    [
      { kind: 'holds', pid: 999 } as const,
      'it named pid 999, which is not a living process of this instance',
    ],
  ])('must write the pidfile of a living process anew: %j', (pidfile, cause) => {
    expect(planOf(noDesired, alive('mail.1', 10, { pidfile }))).toBe(
      `write the pidfile of mail.1 (pid 10): ${cause}\n`,
    );
  });

  test.each([stoppedIntent('mail.1'), noDesired])(
    'must remove the pidfile that a shim has left, without a word',
    (desired) => {
      const left = dead('mail.1', 10, { pidfile: { kind: 'holds', pid: 10 } });
      const removals = planned(config, desired, observation(left)).filter(
        ({ kind }) => kind === 'remove_pidfile',
      );
      expect(removals).toMatchObject([{ instance: 'mail.1', isLeftByShim: true }]);
    },
  );

  test('must say that it removes the pidfile of a process whose shim has not reported its death', () => {
    const lost = dead('mail.1', 10, {
      pidfile: { kind: 'holds', pid: 10 },
      death: { kind: 'unknown', problem: 'no report of how it exited' },
    });
    const [removal] = planned(config, stoppedIntent('mail.1'), observation(lost));
    expect(removal).toEqual({
      kind: 'remove_pidfile',
      instance: 'mail.1',
      cause: 'pid 10 has exited',
    });
    const restart = planned(config, noDesired, observation(lost));
    expect(restart.map(({ kind }) => kind)).not.toContain('remove_pidfile');
  });

  test('must remove the stale pidfile of what stays down', () => {
    const stale = dead('mail.1', 10, { pidfile: { kind: 'holds', pid: 10 } });
    expect(planOf(stoppedIntent('mail.1'), stale)).toBe(
      'remove the pidfile of mail.1: pid 10 has exited\n',
    );
    const foreign = dead('mail.1', 10, { pidfile: { kind: 'holds', pid: 11 } });
    expect(planOf(stoppedIntent('mail.1'), foreign)).toBe(
      'remove the pidfile of mail.1: it named pid 11, which is not a living process of this instance\n',
    );
  });
});
