import { describe, expect, test } from 'vitest';
import { isQuiet, noDesired } from '../../../src/core/model/desired.ts';
import type { ObservedInstance } from '../../../src/core/model/observation.ts';
import type { Worker } from '../../../src/core/model/config.ts';
import {
  about,
  aConfig,
  alive,
  aRollout,
  aWorker,
  busy,
  dead,
  decide,
  idle,
  noonPlus,
  observation,
  quietOf,
  restartOf,
  rolling,
  seconds,
  seenAt,
  stoppedIntent,
  stopOf,
} from '../builders.ts';

const mail = (stop: Partial<Worker['stop']> = {}): Worker =>
  aWorker('mail', ['1'], { stop: { signal: 'TERM', quiet: 'TSTP', ...stop } });
const config = aConfig(mail());
const planOf = (desired = noDesired, ...seen: ObservedInstance[]): string =>
  decide(config, desired, observation(...seen)).plan;
const stop = { kind: 'stop', ...about('mail.1') } as const;

describe('one that is to be stopped, and knows how to be quiet,', () => {
  const stopped = stoppedIntent('mail.1');
  const ask = (cause: string): string => `ask mail.1 pid 10 to finish (SIGTERM): ${cause}\n`;
  const quieten =
    'ask mail.1 pid 10 to take no new job (SIGTSTP): stopped at 12:00:00 by ann@web1\n';

  test('must be made quiet first when it is known to be busy', () => {
    expect(planOf(stopped, alive('mail.1', 10, { activity: busy }))).toBe(quieten);
  });

  test.each([{}, { activity: idle }])('must be asked at once otherwise: %j', (more) => {
    expect(planOf(stopped, alive('mail.1', 10, more))).toBe(ask('stopped at 12:00:00 by ann@web1'));
  });

  test('must be left at its job then, and asked when it is idle', () => {
    const quiet = quietOf(10);
    expect(planOf(stopped, alive('mail.1', 10, { activity: busy, quiet }))).toBe('');
    expect(planOf(stopped, alive('mail.1', 10, { activity: idle, quiet }))).toBe(
      ask('stopped at 12:00:00 by ann@web1'),
    );
  });

  test('must be asked when it no longer says what it does', () => {
    expect(planOf(stopped, alive('mail.1', 10, { quiet: quietOf(10) }))).toContain('(SIGTERM)');
  });

  test('must be asked although it is wanted again, and replaced', () => {
    const quiet = quietOf(10, { cause: 'stopped by ann@web1' });
    expect(planOf(noDesired, alive('mail.1', 10, { activity: busy, quiet }))).toBe('');
    expect(planOf(noDesired, alive('mail.1', 10, { activity: idle, quiet }))).toBe(
      ask('stopped by ann@web1'),
    );
  });

  test('must be made quiet again when the signal never went out', () => {
    const quiet = quietOf(10, { sent: false });
    expect(planOf(stopped, alive('mail.1', 10, { activity: busy, quiet }))).toBe(quieten);
  });

  test('must count as asked in a restart', () => {
    const two = aConfig(aWorker('mail', ['1', '2'], { stop: mail().stop }));
    const desired = rolling(aRollout({ 'mail.1': 10, 'mail.2': 20 }));
    const seen = observation(
      alive('mail.1', 10, { activity: busy, quiet: quietOf(10) }),
      alive('mail.2', 20, { activity: idle }),
    );
    expect(decide(two, desired, seen).plan).toBe('');
  });

  test('must be made quiet for that also if it was made quiet before', () => {
    const quiet = quietOf(10, { stopsWhenIdle: false });
    expect(planOf(stopped, alive('mail.1', 10, { activity: busy, quiet }))).toBe(quieten);
  });
});

describe('quiet', () => {
  const goal = { kind: 'quiet', ...about('mail.1'), until: noonPlus(seconds(60)) } as const;
  const wanted = decide(config, noDesired, observation(alive('mail.1', 10)), goal);
  const { desired } = wanted;
  const quiet = quietOf(10, { stopsWhenIdle: false, cause: 'quiet by ann@web1' });
  const later = (length: number, own: Worker, ...seen: ObservedInstance[]): string =>
    decide(aConfig(own), desired, seenAt(seconds(length), ...seen)).plan;

  test('must be sent to the process, once', () => {
    expect(wanted.plan).toBe(
      'ask mail.1 pid 10 to take no new job (SIGTSTP): quiet since 12:00:00 by ann@web1\n',
    );
    expect(planOf(desired, alive('mail.1', 10, { quiet }))).toBe('');
  });

  test('must be sent to its successor as well', () => {
    expect(planOf(desired, alive('mail.1', 11))).toContain('ask mail.1 pid 11 to take no new job');
  });

  test('must start what is down all the same', () => {
    expect(planOf(desired, dead('mail.1', 10))).toContain('start mail.1');
  });

  test('must not be sent to a worker that knows no such signal, nor to one that leaves', () => {
    const deaf = aConfig(aWorker('mail', ['1']));
    expect(decide(deaf, desired, observation(alive('mail.1', 10))).plan).toBe('');
    expect(planOf(desired, alive('mail.1', 10, { stop: stopOf(10) }))).toBe('');
  });

  test.each([
    ['stopped', stop],
    ['restarted', restartOf(['mail.1'])],
  ])('must not be sent to one that is %s by the same pass', (_, own) => {
    const { plan } = decide(config, desired, observation(alive('mail.1', 10)), own);
    expect(plan).toMatch(/^ask mail\.1 pid 10 to finish .*\n$/);
  });

  test('must end by itself, with the signal that resumes', () => {
    const quieted = alive('mail.1', 10, { quiet });
    expect(isQuiet(desired, 'mail.1', noonPlus(seconds(59)))).toBe(true);
    expect(later(59, mail({ resume: 'CONT' }), quieted)).toBe('');
    expect(later(60, mail({ resume: 'CONT' }), quieted)).toBe(
      'ask mail.1 pid 10 to take jobs again (SIGCONT): its quiet time is over (quiet by ann@web1)\n',
    );
    expect(decide(config, desired, seenAt(seconds(60), quieted)).desired.quiet).toEqual({});
  });

  test('must end by a replacement where there is no such signal', () => {
    expect(later(60, mail(), alive('mail.1', 10, { quiet, activity: idle }))).toBe(
      'ask mail.1 pid 10 to finish (SIGTERM): replaced so that it takes jobs again, because it has no stop.resume (quiet by ann@web1)\n',
    );
    const left = dead('mail.1', 10, { stop: stopOf(10) });
    expect(later(60, mail(), left)).toContain('start mail.1: pid 10 exited as asked');
  });

  test('must end by resume', () => {
    const own = aConfig(mail({ resume: 'CONT' }));
    const seen = observation(alive('mail.1', 10, { quiet }));
    const after = decide(own, desired, seen, { kind: 'resume', ...about('mail.1') });
    expect(after.plan).toContain('to take jobs again (SIGCONT)');
    expect(after.desired.quiet).toEqual({});
  });

  test('must take the end that was requested last', () => {
    const seen = observation(alive('mail.1', 10, { quiet }));
    const again = decide(config, desired, seen, { kind: 'quiet', ...about('mail.1') });
    expect(again.desired.quiet).toEqual({ 'mail.1': { at: noonPlus(seconds(0)), by: 'ann@web1' } });
  });

  test('that is over must not have a process asked twice by one pass', () => {
    const quieted = alive('mail.1', 10, { quiet });
    const restarted = decide(config, noDesired, observation(quieted), restartOf(['mail.1']));
    expect(restarted.plan.match(/^ask mail\.1/gm)).toHaveLength(1);
    const own = aConfig(mail({ resume: 'CONT' }));
    expect(decide(own, noDesired, observation(quieted), restartOf(['mail.1'])).plan).not.toContain(
      'jobs again',
    );
  });
});
