import { describe, expect, test } from 'vitest';
import {
  instanceOf,
  isRetiring,
  retiringName,
  shownName,
} from '../../../src/core/model/leaving.ts';
import { isOldProcessOf } from '../../../src/core/rules/reconcile.ts';
import { selectInstances, workerNameOf } from '../../../src/core/model/targets.ts';
import { aConfig, aWorker } from '../builders.ts';

const name = retiringName('mail.1', '2298f067');

describe('the name of an old process that leaves', () => {
  test('must tell its instance and its worker', () => {
    expect(name).toBe('mail.1~2298f067');
    expect([isRetiring(name), isRetiring('mail.1')]).toEqual([true, false]);
    expect([instanceOf(name), instanceOf('mail.1')]).toEqual(['mail.1', 'mail.1']);
    expect(workerNameOf(name)).toBe('mail');
  });

  test('must be shown as people read it', () => {
    expect([shownName(name), shownName('mail.1')]).toEqual(['mail.1 (leaving)', 'mail.1']);
  });

  test('must belong to its instance, and to no other', () => {
    expect(isOldProcessOf(name, 'mail.1')).toBe(true);
    expect(isOldProcessOf(name, 'mail.11')).toBe(false);
    expect(isOldProcessOf(retiringName('mail.11', 'x'), 'mail.1')).toBe(false);
    expect(isOldProcessOf('mail.1', 'mail.1')).toBe(false);
  });

  test.each([[[]], [['mail']], [['mail.1']], [['*.1']]])('must be meant by %j', (targets) => {
    const config = aConfig(aWorker('mail', ['1', '2']));
    const selected = selectInstances(config, ['mail.1', name], targets);
    expect(selected).toContain(name);
    expect(selectInstances(config, ['mail.1', name], ['mail.2'])).toEqual(['mail.2']);
  });
});
