import { describe, expect, test } from 'vitest';

import { noon, noonPlus, seconds } from '../builders.ts';
import {
  afterObject,
  fleetProgress,
  type HostProgress,
} from '../../../src/core/views/host-progress.ts';

const unheard: HostProgress = { host: 'web1', instances: new Map() };

const error = (kind: string, instance = 'mail.1') => ({
  kind,
  instance,
  level: 'error',
  text: `${kind} of it`,
});

const after = (...objects: Parameters<typeof afterObject>[1][]): HostProgress =>
  objects.reduce(afterObject, unheard);

describe('what is known of a host while a command runs there', () => {
  test.each([
    ['the abort, if the death is accounted for after it', ['rollout_aborted', 'died']],
    ['the abort, if it comes last', ['died', 'start_failed', 'rollout_aborted']],
  ])('must give as the reason %s', (_, kinds) => {
    expect(after(...kinds.map((kind) => error(kind))).error?.words).toBe(
      'mail.1: rollout_aborted of it',
    );
  });

  test('must give the latest death as the reason if nothing else is an error', () => {
    const progress = after(error('died', 'mail.1'), error('died', 'mail.2'));
    expect(progress.error?.words).toBe('mail.2: died of it');
  });

  test('must take no event for an error that is none', () => {
    expect(after({ ...error('died'), level: 'warning' }).error).toBeUndefined();
  });

  test('must count instances by what was last heard of them', () => {
    const { instances } = after(
      { kind: 'draining', instance: 'mail.1' },
      { kind: 'draining', instance: 'mail.2' },
      { kind: 'started', instance: 'mail.1' },
      { kind: 'exited', instance: 'mail.2' },
    );
    const view = fleetProgress(
      'restart',
      [{ host: 'web1', instances, begunAt: noon }],
      noon,
      noonPlus(seconds(2)),
    );
    expect(view.items).toEqual([
      {
        instance: 'web1',
        phase: 'draining',
        since: 2_000,
        detail: '1 draining, 1 starting',
        isHost: true,
      },
    ]);
  });
});
