import { describe, expect, test } from 'vitest';
import { formatEvent } from '../../../src/core/events/event.ts';
import { noDesired } from '../../../src/core/model/desired.ts';
import type { Leftovers } from '../../../src/core/model/leftovers.ts';
import type { ObservedInstance } from '../../../src/core/model/observation.ts';
import { durationOf } from '../../../src/core/basics/time.ts';
import type { Config, LeftoverRule } from '../../../src/core/model/config.ts';
import {
  aConfig,
  alive,
  aWorker,
  dead,
  decide,
  heldIntent,
  nextChange,
  noon,
  observation,
  process,
  seenAt,
  statusFor,
  stopOf,
  stoppedIntent,
} from '../builders.ts';

const configWith = (rule: LeftoverRule): Config =>
  aConfig(
    aWorker('mail', ['1'], {
      stop: { signal: 'TERM', ...(rule !== 'report' && { leftovers: rule }) },
    }),
  );

const left = (of: number, more: Partial<Leftovers> = {}): Leftovers => ({
  of: process(of),
  processes: [
    { pid: 124, name: 'ruby' },
    { pid: 125, name: 'ruby' },
  ],
  isReported: false,
  ...more,
});
const gone = (leftovers?: Leftovers): ObservedInstance => ({
  ...dead('mail.1', 123),
  ...(leftovers && { leftovers }),
});
const told = left(123, { isReported: true });
const started = 'start mail.1: pid 123 exited: status 0\n';
const planOf = (rule: LeftoverRule, seen: ObservedInstance, desired = noDesired): string =>
  decide(configWith(rule), desired, observation(seen)).plan;

describe('what a dead process left behind', () => {
  test('must delay no start if it is left alone', () => {
    expect(planOf('leave', gone(left(123)))).toBe(started);
  });

  test('must be killed before the start, once', () => {
    const killed =
      'kill what pid 123 of mail.1 left behind, 124 (ruby), 125 (ruby): stop.leftovers is kill\n';
    expect(planOf('kill', gone(left(123)))).toBe(killed + started);
    expect(planOf('kill', gone(left(123)), stoppedIntent('mail.1'))).toBe(killed);
    expect(planOf('kill', gone(left(123, { wasKilled: true })))).toBe(started);
    expect(planOf('kill', gone(left(123)), heldIntent('mail.1'))).toBe('');
  });

  test('must be waited for, and reported once', () => {
    expect(planOf('wait', gone(left(123)))).toBe(
      'wait for what pid 123 of mail.1 left behind, 124 (ruby), 125 (ruby): stop.leftovers is wait\n',
    );
    expect(planOf('wait', gone(told))).toBe('');
    expect(planOf('wait', gone())).toBe(started);
    const again = nextChange(configWith('wait'), noDesired, observation(gone(told)));
    expect(again).toBe(50);
  });

  test('must not hold up an instance whose replacement runs already', () => {
    const old = {
      ...dead('mail.1', 9, { stop: stopOf(9) }),
      retiring: 'start-9',
      leftovers: left(9),
    };
    const seen = seenAt(durationOf(0), alive('mail.1', 10), old);
    expect(decide(configWith('wait'), noDesired, seen).plan).toBe(
      'remove the files of mail.1 (retiring): pid 9 exited: status 0\n',
    );
    expect(decide(configWith('kill'), noDesired, seen).plan).toMatch(
      /^kill what pid 9 .*\nremove /,
    );
  });

  test('must be shown', () => {
    const shown = (rule: LeftoverRule, seen: ObservedInstance, desired = noDesired): string =>
      statusFor(configWith(rule), desired, observation(seen)).instances[0]?.detail ?? '';
    const words = 'left behind by pid 123, still running: 124 (ruby), 125 (ruby)';
    const next = { ...alive('mail.1', 130), leftovers: left(123) };
    expect(shown('leave', next)).toBe(words);
    expect(shown('leave', gone(left(123)), stoppedIntent('mail.1'))).toBe(
      `by ann@web1 at 12:00:00; ${words}`,
    );
    expect(shown('wait', gone(told))).toBe(
      'pid 123 exited 0s ago: status 0; waiting for what pid 123 left behind: 124 (ruby), 125 (ruby)',
    );
  });
});

test('events must name the processes that they are about, and count the rest', () => {
  const processes = [1, 2, 3, 4, 5, 6, 7].map((pid) => ({ pid, name: 'x' }));
  const event = { kind: 'leftovers', instance: 'mail.1', at: noon, pid: 123 } as const;
  expect(formatEvent({ ...event, processes, fate: 'running' })).toBe(
    'mail.1: left behind by pid 123, still running: 1 (x), 2 (x), 3 (x), 4 (x), 5 (x) and 2 more',
  );
  expect(formatEvent({ ...event, processes: processes.slice(0, 1), fate: 'awaited' })).toBe(
    'mail.1: left behind by pid 123, still running: 1 (x); nothing is started until they have exited',
  );
});
