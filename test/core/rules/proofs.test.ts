import { describe, expect, test } from 'vitest';
import type { Code } from '../../../src/core/model/code.ts';
import type { ObservedInstance } from '../../../src/core/model/observation.ts';
import {
  aConfig,
  alive,
  aRollout,
  aWorker,
  decide,
  observation,
  restartPolicy,
  rolling,
  seconds,
  askedIn,
  oldPids as old,
} from '../builders.ts';

const config = aConfig(
  aWorker('mail', ['1', '2', '3'], {
    restart: restartPolicy({ batch: { kind: 'count', count: 2 } }),
  }),
);
const code = (release: string, commandDigest = 'digest'): Code => ({ release, commandDigest });

/** A replacement that is ready on this code. */
function ready(name: string, pid: number, on: Code): ObservedInstance {
  const seen = alive(name, pid, { age: seconds(2) });
  if (seen.presence.kind !== 'alive') throw new Error('it lives');
  return { ...seen, presence: { ...seen.presence, record: { ...seen.presence.record, ...on } } };
}

/** Decides while a start would give each instance this code; `proven` is what was proven before. */
function decided(
  proven: Code | undefined,
  next: Code | Readonly<Record<string, Code>>,
  ...seen: ObservedInstance[]
): { asked: string[]; proven: Code | undefined } {
  const launches = new Map(
    Object.keys(old).map((name) => [
      name,
      'commandDigest' in next ? (next as Code) : (next[name] as Code),
    ]),
  );
  const rollout = aRollout(old, { proven: proven === undefined ? {} : { mail: proven } });
  const { plan, desired } = decide(config, rolling(rollout), {
    ...observation(...seen),
    launches,
  });
  return {
    asked: askedIn(plan),
    proven: desired.rollouts[0]?.proven['mail'],
  };
}

const two = alive('mail.2', 20);
const three = alive('mail.3', 30);

describe('a proof', () => {
  test('must let the others follow if a start gives them the same code', () => {
    const seen = [ready('mail.1', 11, code('r2')), two, three];
    expect(decided(undefined, code('r2'), ...seen)).toEqual({
      asked: ['mail.2', 'mail.3'],
      proven: code('r2'),
    });
  });

  test.each([
    ['another release', code('r3')],
    ['another command', code('r2', 'other')],
    ['no known release', { commandDigest: 'digest' }],
  ])('must not count for %s: the next one is a canary again', (_, next) => {
    const seen = [ready('mail.1', 11, code('r2')), two, three];
    expect(decided(code('r2'), next, ...seen)).toEqual({ asked: ['mail.2'], proven: code('r2') });
    expect(decided(undefined, next, ...seen)).toEqual({ asked: ['mail.2'], proven: undefined });
  });

  test('must be renewed by the canary of the other code', () => {
    const seen = [ready('mail.1', 11, code('r2')), ready('mail.2', 21, code('r3')), three];
    expect(decided(code('r2'), code('r3'), ...seen)).toEqual({
      asked: ['mail.3'],
      proven: code('r3'),
    });
    // Moved back: that was proven once, by a replacement that still runs.
    expect(decided(code('r3'), code('r2'), ...seen)).toEqual({
      asked: ['mail.3'],
      proven: code('r2'),
    });
  });

  test('must count only for the instances whose directories give this code', () => {
    const seen = [ready('mail.1', 11, code('a')), two, three];
    const next = { 'mail.1': code('a'), 'mail.2': code('b'), 'mail.3': code('a') };
    expect(decided(undefined, next, ...seen)).toEqual({ asked: ['mail.3'], proven: code('a') });
  });
});
