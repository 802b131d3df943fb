import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ledgerFolder } from '../../../src/host/state/ledger-file.ts';
import { createMemoryTracker } from '../../../src/host/state/memory-samples.ts';
import { alive, observation, process } from '../../core/builders.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();

/** A look at mail.1, whose process has this many bytes. */
function seen(rss: number): ReturnType<typeof observation> {
  const mail = alive('mail.1', 10);
  if (mail.presence.kind !== 'alive') throw new Error('alive');
  const presence = { ...mail.presence, process: process(10, { rss }) };
  return observation({ ...mail, presence });
}

const path = (): string => `${ledgerFolder(scratch.folder())}/memory.json`;

function kept(): void {
  const tracker = createMemoryTracker(scratch.folder());
  tracker.see(seen(100));
  tracker.save();
}

test('the memory of a process must be known to the same command, by its run', () => {
  const tracker = createMemoryTracker(scratch.folder());
  tracker.see(seen(100));
  tracker.see(seen(200));
  expect(tracker.rssOf({ instance: 'mail.1' }, 'start-10')).toBe(200);
  expect(tracker.rssOf({ instance: 'mail.1' }, 'start-11')).toBeUndefined();
  expect(tracker.rssOf({ instance: 'mail.2' }, 'start-10')).toBeUndefined();
});

test('it must be known to the next command, in bytes', () => {
  kept();
  expect(createMemoryTracker(scratch.folder()).rssOf({ instance: 'mail.1' }, 'start-10')).toBe(100);
  expect(JSON.parse(readFileSync(path(), 'utf8'))).toMatchObject({
    schema: 2,
    samples: { 'mail.1': { run_id: 'start-10', resident_bytes: 100 } },
  });
});

test.each(['', 'x', '{}', '{"schema":2,"boot_id":"x","samples":{"mail.1":{"run_id":"start-10"}}}'])(
  'a file of %j must be ignored',
  (text) => {
    kept();
    writeFileSync(path(), text);
    expect(
      createMemoryTracker(scratch.folder()).rssOf({ instance: 'mail.1' }, 'start-10'),
    ).toBeUndefined();
  },
);

test('a file that cannot be written, or a state directory that is gone, must not be an error', () => {
  mkdirSync(path(), { recursive: true });
  kept();
  rmSync(scratch.folder(), { recursive: true });
  kept();
});
