import { expect, test } from 'vitest';
import type { Death } from '../../../src/core/model/record.ts';
import { withMemory, type KillClues } from '../../../src/core/rules/out-of-memory.ts';

const killed: Death = { kind: 'signalled', signal: 9, coreDumped: false };
const certain: Death = { ...killed, outOfMemory: 'certain' };
const alone: KillClues = {
  isCounted: true,
  isLogged: undefined,
  isOurs: false,
  isAmongOthers: () => false,
};

test.each<[string, Partial<KillClues>, Death]>([
  ['the kernel names it', { isLogged: true, isCounted: false }, certain],
  ['the kernel names it, among others', { isLogged: true, isAmongOthers: () => true }, certain],
  ['the kernel does not name it', { isLogged: false }, killed],
  ['one kill was counted, and it is the only one', {}, { ...killed, outOfMemory: 'likely' }],
  ['a sibling was killed too', { isAmongOthers: () => true }, killed],
  ['we have killed it', { isOurs: true }, killed],
  ['nothing was counted', { isCounted: false }, killed],
  [
    'it was killed at the limit of its own group',
    { limit: 64, isAmongOthers: () => true },
    { ...certain, memoryLimit: 64 },
  ],
  [
    'the kernel names it, at that limit',
    { limit: 64, isLogged: true },
    { ...certain, memoryLimit: 64 },
  ],
  ['a child was killed at that limit, and it by us', { limit: 64, isOurs: true }, killed],
  [
    'a child was killed at that limit, and the kernel does not name it',
    { limit: 64, isLogged: false },
    killed,
  ],
])('if %s, the death must say no more than that', (_, clues, expected) => {
  expect(withMemory(killed, () => ({ ...alone, ...clues }))).toEqual(expected);
});

test('of other deaths nothing must be looked up', () => {
  const segv: Death = { kind: 'signalled', signal: 11, coreDumped: true };
  const none = (): KillClues => {
    throw new Error('looked up');
  };
  expect(withMemory(segv, none)).toBe(segv);
  expect(withMemory({ kind: 'exited', status: 137 }, none)).toMatchObject({ status: 137 });
});
