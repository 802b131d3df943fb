import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { fallbackMs } from '../../../src/engine/watch/intervals.ts';
import { createKnowledge, type Knowledge } from '../../../src/engine/watch/known.ts';
import type { Seen } from '../../../src/engine/watch/look.ts';
import { createAlarm } from '../../../src/engine/watch/wake.ts';
import { aConfig, alive, aWorker, observation } from '../../core/builders.ts';

const config = aConfig(aWorker('mail', ['1', '2']));
const seen: Seen = { observation: observation(alive('mail.1', 1), alive('mail.2', 2)), waitMs: 1 };

/** After a look at all that has seen this. */
function afterLook(what: Partial<Seen> = {}): Knowledge {
  const knowledge = createKnowledge();
  expect(knowledge.take(config)).toBeUndefined();
  knowledge.keep(config, { ...seen, ...what });
  return knowledge;
}

describe('what the next look of a watch need not look at', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  test('must be all but the instance that has died', () => {
    const knowledge = afterLook();
    knowledge.woken(new Set(['mail.2.exit']));
    expect(knowledge.take(config)).toEqual({
      observation: seen.observation,
      changed: new Set(['mail.2']),
    });
  });

  test('must be all but the instance whose old process has died beside it', () => {
    const knowledge = afterLook();
    knowledge.woken(new Set(['mail.2~0123456789abcdef.exit']));
    expect(knowledge.take(config)?.changed).toEqual(new Set(['mail.2']));
  });

  test('must be all but what the pass has acted on, and what has died since', () => {
    const knowledge = afterLook({ touched: ['mail.1'] });
    knowledge.woken(undefined);
    expect(knowledge.take(config)?.changed).toEqual(new Set(['mail.1']));
    knowledge.keep(config, { ...seen, touched: ['mail.1'] });
    knowledge.woken(new Set(['mail.2.exit']));
    expect(knowledge.take(config)?.changed).toEqual(new Set(['mail.1', 'mail.2']));
  });

  test.each([
    ['a request of a person', new Set(['mail.2.exit', 'state.json'])],
    ['a byte', 'other' as const],
    ['a deadline', undefined],
    ['the death of an instance that was never seen', new Set(['mail.3.exit'])],
  ])('must be nothing after %s', (_, rung) => {
    const knowledge = afterLook();
    knowledge.woken(rung);
    expect(knowledge.take(config)).toBeUndefined();
  });

  test('must be nothing if the look has failed, or could not act', () => {
    const failed = createKnowledge();
    failed.take(config);
    failed.woken(new Set(['mail.2.exit']));
    expect(failed.take(config)).toBeUndefined();
    const locked = afterLook({ isLocked: true });
    locked.woken(new Set(['mail.2.exit']));
    expect(locked.take(config)).toBeUndefined();
  });

  test('must be nothing after a look that relied on an earlier one and failed', () => {
    const knowledge = afterLook();
    knowledge.woken(new Set(['mail.2.exit']));
    expect(knowledge.take(config)).toBeDefined();
    knowledge.woken(new Set(['mail.2.exit']));
    expect(knowledge.take(config)).toBeUndefined();
  });

  test('must be nothing with another config', () => {
    const knowledge = afterLook();
    knowledge.woken(new Set(['mail.2.exit']));
    expect(knowledge.take({ ...config })).toBeUndefined();
  });

  test('must be nothing once the last look at all is old, however often instances die', () => {
    const knowledge = createKnowledge();
    const begun = performance.now();
    knowledge.take(config);
    let dueAt = knowledge.keep(config, { ...seen, waitMs: fallbackMs });
    const relied = [];
    for (const share of [0.4, 0.8, 1]) {
      vi.advanceTimersByTime(begun + share * fallbackMs - performance.now());
      knowledge.woken(new Set(['mail.2.exit']));
      relied.push(knowledge.take(config) !== undefined);
      if (share < 1) dueAt = knowledge.keep(config, { ...seen, waitMs: fallbackMs });
    }
    expect(relied).toEqual([true, true, false]);
    expect(dueAt).toBeCloseTo(begun + fallbackMs, 0);
  });
});

describe('a look at all that is due', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  test('must not be put off by deaths in between', () => {
    const knowledge = createKnowledge();
    const begun = performance.now();
    knowledge.take(config);
    knowledge.keep(config, { ...seen, waitMs: 500 });
    const relied: boolean[] = [];
    for (const at of [200, 400, 600]) {
      vi.advanceTimersByTime(begun + at - performance.now());
      knowledge.woken(new Set(['mail.2.exit']));
      relied.push(knowledge.take(config) !== undefined);
      const due = knowledge.keep(config, { ...seen, waitMs: 500 });
      if (at < 500) expect(due).toBeCloseTo(begun + 500, 0);
    }
    expect(relied).toEqual([true, true, false]);
  });

  test('must not come sooner for what a pass has acted on', () => {
    const knowledge = createKnowledge();
    const begun = performance.now();
    knowledge.take(config);
    expect(knowledge.keep(config, { ...seen, waitMs: 40, touched: ['mail.1'] })).toBeCloseTo(
      begun + 40,
      0,
    );
    vi.advanceTimersByTime(45);
    knowledge.woken(undefined);
    expect(knowledge.take(config)?.changed).toEqual(new Set(['mail.1']));
    expect(knowledge.keep(config, { ...seen, waitMs: 1_000 })).toBeCloseTo(begun + 1_045, 0);
  });
});

describe('an alarm', () => {
  test('must tell all files that have changed since the last time, once', async () => {
    const alarm = createAlarm(new AbortController().signal);
    alarm.ring(new Set(['a']));
    alarm.ring(new Set(['b']));
    expect(await alarm.wait(1_000)).toEqual(new Set(['a', 'b']));
    expect(await alarm.wait(0)).toBeUndefined();
  });

  test.each([
    ['before', [undefined, new Set(['a'])]],
    ['after', [new Set(['a']), undefined]],
  ])('must not tell files alone if there was another reason %s them', async (_, reasons) => {
    const alarm = createAlarm(new AbortController().signal);
    for (const files of reasons) alarm.ring(files);
    expect(await alarm.wait(1_000)).toBe('other');
  });
});
