import { expect, test } from 'vitest';
import { durationOf } from '../../../src/core/basics/time.ts';
import { dumpOf, readDump, writeDump } from '../../../src/host/state/notes.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();
const process = { pid: 4711, startTime: 123_456_789, bootId: 'aaaa-bbbb' };

test('the moment of a dump must be noted in time since the boot, for that process only', () => {
  expect(dumpOf(scratch.folder(), 'mail.1', process)).toBeUndefined();
  writeDump(scratch.folder(), 'mail.1', { process, at: durationOf(123_456) });
  expect(dumpOf(scratch.folder(), 'mail.1', process)?.at).toBe(123_456);
  expect(dumpOf(scratch.folder(), 'mail.1', { ...process, startTime: 1 })).toBeUndefined();
  expect(dumpOf(scratch.folder(), 'mail.2', process)).toBeUndefined();
});

test.each(['', '{}', '{"pid":4711,"start_time":1,"boot_id":"x"}'])(
  'a note of %j must be reported as broken, and be ignored',
  (text) => {
    scratch.write('mail.1.dump', text);
    expect(readDump(scratch.folder(), 'mail.1').kind).toBe('broken');
    expect(dumpOf(scratch.folder(), 'mail.1', process)).toBeUndefined();
  },
);
