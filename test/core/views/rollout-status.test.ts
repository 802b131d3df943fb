import { describe, expect, test } from 'vitest';
import type { Rollout } from '../../../src/core/model/desired.ts';
import {
  formatReleases,
  formatRollout,
  rolloutStatusOf,
} from '../../../src/core/views/rollout-status.ts';
import {
  aConfig,
  alive,
  aRollout,
  aWorker,
  crashed,
  dead,
  heldIntent,
  noon,
  observation,
  rolling,
  seconds,
  snapshot,
  stopOf,
} from '../builders.ts';

describe('releases', () => {
  test.each<[Rollout['releases'], string]>([
    [{}, ''],
    [{ mail: {} }, ''],
    [{ mail: { from: 'a' } }, ''],
    [{ mail: { from: 'a', to: 'a' } }, ''],
    [{ mail: { to: 'b' } }, 'b'],
    [{ mail: { from: 'a', to: 'b' } }, 'a -> b'],
    [{ mail: { from: 'a', to: 'b' }, fsck: { from: 'a', to: 'b' } }, 'a -> b'],
    [{ mail: { from: 'a', to: 'b' }, fsck: { from: 'b', to: 'b' } }, 'a -> b'],
    [{ mail: { from: 'a', to: 'b' }, fsck: { to: 'b' } }, 'mail a -> b, fsck b'],
  ])('%j must read "%s"', (releases, words) => {
    expect(formatReleases(releases)).toBe(words);
  });
});

describe('a rollout', () => {
  const config = aConfig(aWorker('mail', ['1', '2', '3', '4', '5', '6']));
  const replaces = {
    'mail.1': 10,
    'mail.2': 20,
    'mail.3': 30,
    'mail.4': 40,
    'mail.5': 50,
    'mail.6': 60,
  };
  const seen = observation(
    alive('mail.1', 101, { age: seconds(5) }),
    alive('mail.2', 20, { stop: stopOf(20) }),
    dead('mail.3', 30, { stop: stopOf(30) }),
    alive('mail.4', 104, { age: seconds(0) }),
    alive('mail.5', 50),
  );
  const wordsOf = (rollout: Rollout, world = seen): string =>
    formatRollout(rolloutStatusOf(rollout, snapshot(config, rolling(rollout), world)));

  test('must tell how many are how far', () => {
    expect(wordsOf(aRollout(replaces))).toBe(
      'restart of 12:00:00 by ann@web1: 1 replaced, 3 under way, 1 waiting for their turn',
    );
  });

  test('must tell from which release to which it goes', () => {
    const releases = { mail: { from: 'a1b2c3d', to: '9f8e7d6' } };
    expect(wordsOf(aRollout({ 'mail.5': 50 }, { releases }))).toBe(
      'restart of 12:00:00 by ann@web1 (a1b2c3d -> 9f8e7d6): 1 waiting for their turn',
    );
  });

  test('must tell why it was aborted, and how to go on', () => {
    const aborted = { at: noon, instance: 'mail.1', problem: 'pid 101 died before it was ready' };
    const world = observation(crashed('mail.1', 101), alive('mail.5', 50));
    expect(wordsOf(aRollout(replaces, { aborted }), world)).toBe(
      'restart of 12:00:00 by ann@web1 was aborted: mail.1: pid 101 died before it was ready; ' +
        '1 failed, 1 keep running the old release; workerctl restart continues it',
    );
  });

  test('must not promise anything behind a colon if nothing of it was seen', () => {
    const elsewhere = observation();
    expect(wordsOf(aRollout(replaces), elsewhere)).toBe('restart of 12:00:00 by ann@web1');
    const aborted = { at: noon, instance: 'mail.1', problem: 'it died' };
    expect(wordsOf(aRollout(replaces, { aborted }), elsewhere)).toBe(
      'restart of 12:00:00 by ann@web1 was aborted: mail.1: it died; workerctl restart continues it',
    );
  });

  test('must count as waiting what is held, unless it was replaced', () => {
    const rollout = aRollout(replaces);
    const desired = { ...rolling(rollout), held: heldIntent('mail.1', 'mail.5').held };
    const { counts } = rolloutStatusOf(rollout, snapshot(config, desired, seen));
    expect(counts).toEqual({ replaced: 1, under_way: 3, waiting: 1, failed: 0 });
  });
});
