import { expect, test } from 'vitest';
import type { Death } from '../../../src/core/model/record.ts';
import { withMemory, type KillClues } from '../../../src/core/rules/out-of-memory.ts';

const counted: Death = {
  kind: 'signalled',
  signal: 9,
  coreDumped: false,
  outOfMemory: 'likely',
};
const killed: Death = { kind: 'signalled', signal: 9, coreDumped: false };
const alone: KillClues = { isLogged: undefined, isOurs: false, isAmongOthers: false };

test.each<[string, Death, Partial<KillClues>, Death]>([
  ['the kernel names it', killed, { isLogged: true }, { ...killed, outOfMemory: 'certain' }],
  [
    'the kernel names it, among others',
    counted,
    { isLogged: true, isAmongOthers: true },
    { ...killed, outOfMemory: 'certain' },
  ],
  ['the kernel does not name it', counted, { isLogged: false }, killed],
  ['one kill was counted, and it is the only one', counted, {}, counted],
  ['a sibling was killed too', counted, { isAmongOthers: true }, killed],
  ['we have killed it', counted, { isOurs: true }, killed],
  ['nothing was counted', killed, {}, killed],
])('if %s, the death must say no more than that', (_, death, clues, expected) => {
  expect(withMemory(death, () => ({ ...alone, ...clues }))).toEqual(expected);
});

test('of other deaths nothing must be looked up', () => {
  const segv: Death = { kind: 'signalled', signal: 11, coreDumped: true };
  const none = (): KillClues => {
    throw new Error('looked up');
  };
  expect(withMemory(segv, none)).toBe(segv);
  expect(withMemory({ kind: 'exited', status: 137 }, none)).toMatchObject({ status: 137 });
});
