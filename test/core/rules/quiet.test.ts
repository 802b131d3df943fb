import { describe, expect, test } from 'vitest';
import { busyWith } from '../../../src/core/model/activity.ts';
import { durationOf } from '../../../src/core/basics/time.ts';
import { isQuiet, noDesired, type Desired } from '../../../src/core/model/desired.ts';
import type { Observation, ObservedInstance } from '../../../src/core/model/observation.ts';
import type { Quieting } from '../../../src/core/model/record.ts';
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
  nextChange,
  noon,
  noonPlus,
  observation,
  quietOf,
  restartOf,
  rolling,
  seconds,
  seenAt,
  statusFor,
  stoppedIntent,
  stopOf,
  upAtNoon,
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

  test('must be replaced when it is wanted again, and said so, because it takes no jobs', () => {
    const quiet = quietOf(10, { cause: 'stopped by ann@web1' });
    for (const activity of [busy, idle])
      expect(planOf(noDesired, alive('mail.1', 10, { activity, quiet }))).toBe(
        'let mail.1 pid 10 run on (it takes no new job): it is wanted again (stopped by ann@web1)\n',
      );
    const kept = { ...quiet, stopsWhenIdle: false };
    expect(planOf(noDesired, alive('mail.1', 10, { activity: busy, quiet: kept }))).toBe('');
    expect(planOf(noDesired, alive('mail.1', 10, { activity: idle, quiet: kept }))).toBe(
      ask(
        'replaced so that it takes jobs again, because it has no stop.resume (stopped by ann@web1)',
      ),
    );
  });

  test.each([busy, idle])('must be resumed when it is wanted again: %j', (activity) => {
    const own = aConfig(mail({ resume: 'CONT' }));
    const quiet = quietOf(10, { cause: '1 of mail is wanted; this one is surplus' });
    const { plan } = decide(own, noDesired, observation(alive('mail.1', 10, { activity, quiet })));
    expect(plan).toBe(
      'ask mail.1 pid 10 to take jobs again (SIGCONT): it is wanted again (1 of mail is wanted; this one is surplus)\n',
    );
  });

  test('must stay quiet when it is wanted again, but quiet', () => {
    const desired = { ...noDesired, quiet: { 'mail.1': { at: noon, by: 'bob@web1' } } };
    const seen = alive('mail.1', 10, { activity: busy, quiet: quietOf(10) });
    expect(planOf(desired, seen)).toBe(
      'let mail.1 pid 10 run on (it takes no new job): quiet since 12:00:00 by bob@web1\n',
    );
  });

  test('must be asked for the reason in force, not for the one of then', () => {
    const quiet = quietOf(10, { cause: '1 of mail is wanted; this one is surplus' });
    const seen = alive('mail.1', 10, { activity: idle, quiet });
    expect(planOf(stopped, seen)).toBe(ask('stopped at 12:00:00 by ann@web1'));
    expect(planOf(rolling(aRollout({ 'mail.1': 10 })), seen)).toBe(
      ask('restart of 12:00:00 by ann@web1'),
    );
  });

  test('must have no limit any more once it is started: only its stop had one', () => {
    const own = aConfig(mail({ resume: 'CONT' }));
    const seen = observation(alive('mail.1', 10, { activity: busy, quiet: quietOf(10) }));
    const goal = { ...stop, killAfter: seconds(60) };
    const { desired } = decide(own, noDesired, seen, goal);
    expect(Object.keys(desired.deadlines)).toEqual(['mail.1']);
    const start = { kind: 'start', ...about('mail.1') } as const;
    expect(decide(own, desired, seen, start).desired.deadlines).toEqual({});
  });

  test('must keep its limit when it is started while a restart still replaces it', () => {
    const own = aConfig(mail({ resume: 'CONT' }));
    const seen = observation(alive('mail.1', 10, { activity: busy, quiet: quietOf(10) }));
    const { desired } = decide(
      own,
      noDesired,
      seen,
      restartOf(['mail.1'], { killAfter: seconds(60) }),
    );
    expect(Object.keys(desired.deadlines)).toEqual(['mail.1']);
    const start = { kind: 'start', ...about('mail.1') } as const;
    const after = decide(own, desired, seen, start);
    expect(after.desired.deadlines).toEqual(desired.deadlines);
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

  test('must not be asked again if it was made quiet before', () => {
    const quiet = quietOf(10, { stopsWhenIdle: false });
    expect(planOf(stopped, alive('mail.1', 10, { activity: busy, quiet }))).toBe(
      'let mail.1 pid 10 finish its job (it takes no new one): stopped at 12:00:00 by ann@web1\n',
    );
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
    const after = decide(own, desired, seen, { kind: 'resume', id: 'third', ...about('mail.1') });
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

describe('one that is made quiet by a command', () => {
  const command = { command: ['bin/hush', '%n'], timeout: seconds(30) };
  const own = mail({ quiet: command });
  const stopped = stoppedIntent('mail.1');
  const because = 'stopped at 12:00:00 by ann@web1';
  const plan = (desired: Desired, more: Parameters<typeof alive>[2], worker = own): string =>
    decide(aConfig(worker), desired, observation(alive('mail.1', 10, more))).plan;
  const runs = (more: Partial<Quieting> = {}): Quieting => {
    const { signal, ...quiet } = quietOf(10, { commandUntil: durationOf(upAtNoon + 30_000) });
    expect(signal).toBe('TSTP');
    return { ...quiet, ...more };
  };
  const over = (problem?: string): Partial<Quieting> => ({
    end: problem === undefined ? {} : { problem },
  });
  const term = (cause = because): string => `ask mail.1 pid 10 to finish (SIGTERM): ${cause}\n`;

  test.each([{}, { activity: idle }, { activity: busy }])(
    'must be made quiet before it is stopped, whatever it does: %j',
    (more) => {
      expect(plan(stopped, more)).toBe(
        `ask mail.1 pid 10 to take no new job (by bin/hush): ${because}\n`,
      );
    },
  );

  test('must be left alone while the command runs, and be stopped when that has ended and it is not busy', () => {
    for (const activity of [idle, busy])
      expect(plan(stopped, { activity, quiet: runs() })).toBe('');
    expect(plan(stopped, { quiet: runs() })).toBe('');
    expect(plan(stopped, { activity: busy, quiet: runs(over()) })).toBe('');
    expect(plan(stopped, { activity: idle, quiet: runs(over()) })).toBe(term());
    expect(plan(stopped, { quiet: runs(over()) })).toBe(term());
  });

  test('must be stopped all the same if the command fails: when the job of then has ended', () => {
    const quiet = runs(over('exit status 69'));
    const failed = term(`${because}; stop.quiet failed: exit status 69`);
    const since = (ms: number) => busyWith([{ what: 'job', since: noonPlus(durationOf(ms)) }]);
    expect(plan(stopped, { quiet })).toBe(failed);
    expect(plan(stopped, { activity: idle, quiet })).toBe(failed);
    expect(plan(stopped, { activity: since(-1), quiet })).toBe('');
    expect(plan(stopped, { activity: since(1), quiet })).toBe(failed);
    expect(plan(stopped, { activity: busy, quiet })).toBe(failed);
  });

  test('must not be made quiet when it has no time', () => {
    const goal = { ...stop, killAfter: durationOf(0) };
    const { plan: now } = decide(aConfig(own), noDesired, observation(alive('mail.1', 10)), goal);
    expect(now).toContain('ask mail.1 pid 10 to finish (SIGTERM, killed after 0s)');
  });

  test('must not be made quiet a second time for a stop if it was by request', () => {
    for (const end of [{}, over()])
      expect(plan(stopped, { activity: busy, quiet: runs({ stopsWhenIdle: false, ...end }) })).toBe(
        `let mail.1 pid 10 finish its job (it takes no new one): ${because}\n`,
      );
    const quiet = runs({ stopsWhenIdle: false, ...over() });
    expect(plan(stopped, { activity: idle, quiet })).toBe(term());
    // That one has failed: this is another stop.
    const failed = runs({ stopsWhenIdle: false, ...over('exit status 1') });
    expect(plan(stopped, { quiet: failed })).toContain('(by bin/hush)');
  });

  test('must be looked at again soon while the command runs, and while it is busy', () => {
    const next = (more: Parameters<typeof alive>[2]) =>
      nextChange(aConfig(own), stopped, observation(alive('mail.1', 10, more)));
    expect(next({ quiet: runs() })).toBe(50);
    expect(next({ activity: busy, quiet: runs(over()) })).toBe(1000);
  });

  test('must be shown as quiet only when the command has ended well', () => {
    const state = (quiet: Quieting): string | undefined =>
      statusFor(aConfig(own), noDesired, observation(alive('mail.1', 10, { quiet }))).instances[0]
        ?.state;
    expect(state(runs({ stopsWhenIdle: false }))).toBe('ready');
    expect(state(runs({ stopsWhenIdle: false, ...over() }))).toBe('quiet');
    const failed = runs({ stopsWhenIdle: false, ...over('exit status 1') });
    expect(state(failed)).toBe('ready');
    const seen = observation(alive('mail.1', 10, { quiet: failed }));
    expect(statusFor(aConfig(own), noDesired, seen).instances[0]?.detail).toContain(
      'stop.quiet failed: exit status 1',
    );
  });

  test('must be made quiet again on request if the command has failed, by a new request only', () => {
    const wanted = (at: number): Desired => ({
      ...noDesired,
      quiet: { 'mail.1': { at: noonPlus(durationOf(at)), by: 'ann@web1' } },
    });
    const failed = { quiet: runs({ stopsWhenIdle: false, ...over('exit status 1') }) };
    expect(plan(wanted(0), failed)).toBe('');
    expect(plan(wanted(1), failed)).toContain('to take no new job (by bin/hush)');
  });

  describe('and takes jobs again by one', () => {
    const both = mail({ quiet: command, resume: { ...command, command: ['bin/back'] } });
    const quiet = runs({ stopsWhenIdle: false, ...over() });

    test('must be resumed by it, once the other one has ended', () => {
      expect(plan(noDesired, { quiet: runs({ stopsWhenIdle: false }) }, both)).toBe('');
      expect(plan(noDesired, { quiet }, both)).toBe(
        'ask mail.1 pid 10 to take jobs again (by bin/back): its quiet time is over (restart)\n',
      );
      const { end, ...resuming } = { ...quiet, isResuming: true };
      expect(end).toEqual({});
      expect(plan(noDesired, { quiet: resuming }, both)).toBe('');
      expect(plan(noDesired, { quiet: { ...resuming, ...over() } }, both)).toBe('');
    });

    test('must be replaced if it fails', () => {
      const stuck = { ...quiet, isResuming: true, ...over('exit status 1') };
      expect(plan(noDesired, { activity: busy, quiet: stuck }, both)).toBe('');
      expect(plan(noDesired, { activity: idle, quiet: stuck }, both)).toBe(
        term(
          'replaced so that it takes jobs again, because stop.resume failed: exit status 1 (restart)',
        ),
      );
    });

    test('must be stopped only when that has ended', () => {
      const { end, ...resuming } = { ...quiet, isResuming: true };
      expect(end).toEqual({});
      expect(plan(stopped, { quiet: resuming }, both)).toBe('');
      expect(plan(stopped, { quiet: { ...resuming, ...over() } }, both)).toContain('(by bin/hush)');
    });
  });

  test('must be made quiet before it is recycled, and asked for that reason', () => {
    const recycled = { ...own, recycle: { age: seconds(1), outdated: false, minAge: seconds(0) } };
    const seen = (more: Parameters<typeof alive>[2]): Observation => ({
      ...observation(alive('mail.1', 10, { age: seconds(60), ...more })),
      mayRecycle: true,
    });
    const planned = (more: Parameters<typeof alive>[2]): string =>
      decide(aConfig(recycled), noDesired, seen(more)).plan;
    const cause = 'recycled: age 1m (limit 1s)';
    expect(planned({ activity: idle })).toBe(
      `ask mail.1 pid 10 to take no new job (by bin/hush): ${cause}\n`,
    );
    expect(planned({ activity: idle, quiet: runs({ isRecycle: true, cause, ...over() }) })).toBe(
      term(cause),
    );
  });
});

describe('without stop.resume', () => {
  const three = aConfig(aWorker('mail', ['1', '2', '3'], { stop: mail().stop }));
  const quiet = (pid: number): Quieting => quietOf(pid, { stopsWhenIdle: false });
  const all = [10, 20, 30].map((pid) =>
    alive(`mail.${pid / 10}`, pid, { activity: idle, quiet: quiet(pid) }),
  );
  const [, second, third] = all as [ObservedInstance, ObservedInstance, ObservedInstance];

  test('resume must replace them one after the other, by a restart', () => {
    const goal = { kind: 'resume', id: 'third', ...about('mail.1', 'mail.2', 'mail.3') } as const;
    const { plan, desired } = decide(three, noDesired, observation(...all), goal);
    expect(plan).toBe('ask mail.1 pid 10 to finish (SIGTERM): restart of 12:00:00 by ann@web1\n');
    expect(desired.rollouts).toMatchObject([
      { id: 'third', options: { batch: { kind: 'count', count: 1 } } },
    ]);
    expect(Object.keys(desired.rollouts[0]?.replaces ?? {})).toHaveLength(3);
  });

  test('the end of their time must do so without one', () => {
    const next = (...seen: ObservedInstance[]): string =>
      decide(three, noDesired, observation(...seen)).plan;
    expect(next(...all)).toMatch(/^ask mail\.1 pid 10 to finish .*replaced so that.*\n$/);
    expect(next(alive('mail.1', 10, { stop: stopOf(10) }), second, third)).toBe('');
    expect(next(dead('mail.1', 10, { stop: stopOf(10) }), second, third)).toMatch(
      /^start mail\.1.*\n$/,
    );
    expect(next(alive('mail.1', 11, { age: durationOf(10) }), second, third)).toBe('');
    expect(next(alive('mail.1', 11), second, third)).toMatch(/^ask mail\.2 pid 20 .*\n$/);
    expect(next(alive('mail.1', 11), { ...second, activity: busy }, third)).toMatch(
      /^ask mail\.3 pid 30 .*\n$/,
    );
  });
});
