import { expect, test } from 'vitest';
import { exitCodeFor, type CommandEnd } from '../../../src/core/events/outcome.ts';

const codeOf = (end: CommandEnd, signal?: number): number =>
  exitCodeFor(
    { kind: 'acted', command: 'restart', end, draining: [], pending: [], events: [] },
    signal,
  );

test('an end that is none must not be success, whichever command has reported why', () => {
  for (const end of ['aborted', 'lost', 'unconfigured', 'refused'] as const)
    expect({ end, code: codeOf(end) }).toEqual({ end, code: 1 });
  expect(codeOf('ended')).toBe(5);
  expect(codeOf('timed_out')).toBe(124);
  expect(codeOf('interrupted', 2)).toBe(130);
  for (const end of ['done', 'not_waited'] as const) expect(codeOf(end)).toBe(0);
});
