import { spawnSync } from 'node:child_process';
import { closeSync, constants, lstatSync, openSync, symlinkSync, writeSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { WorkerctlError } from '../../../src/core/basics/error.ts';
import { hasWatch, pullTrigger, triggerPath } from '../../../src/host/sockets/pull-trigger.ts';
import { openTrigger, type Trigger } from '../../../src/host/sockets/trigger.ts';
import { useScratch } from '../../rig/scratch.ts';
import { pause, until } from '../../rig/wait.ts';

const scratch = useScratch();
const open: Trigger[] = [];

afterEach(() => {
  for (const trigger of open.splice(0)) trigger.close();
});

/** A trigger that counts its wake-ups. */
function aTrigger(): { readonly trigger: Trigger; readonly woken: () => number } {
  let count = 0;
  const trigger = openTrigger(scratch.folder(), () => (count += 1));
  open.push(trigger);
  return { trigger, woken: () => count };
}

const pull = (): boolean => pullTrigger(scratch.folder());
const path = (): string => triggerPath(scratch.folder());

/** Long enough for everything that the event loop still has to report: an absence cannot be waited for. */
const aWhile = (): Promise<void> => pause(60);

const refused = (attempt: () => unknown): string => {
  try {
    attempt();
  } catch (error) {
    if (error instanceof WorkerctlError && error.code === 'state') return error.message;
    throw error;
  }
  throw new Error('it was not refused');
};

describe('a byte', () => {
  test('must wake once, and further bytes must not until it is rearmed', async () => {
    const { trigger, woken } = aTrigger();
    expect(lstatSync(path()).mode & 0o777).toBe(0o600);
    expect(pull()).toBe(true);
    await until('a wake', woken);
    for (let count = 0; count < 100; count += 1) pull();
    await aWhile();
    expect(woken()).toBe(1);
    trigger.rearm();
    await aWhile();
    expect(woken(), 'what was there before the look counts for it').toBe(1);
  });

  test('after the rearming, and so during the look, must wake exactly once more', async () => {
    const { trigger, woken } = aTrigger();
    pull();
    await until('a wake', woken);
    trigger.rearm();
    for (let count = 0; count < 100; count += 1) pull();
    await until('another wake', () => woken() === 2);
    await aWhile();
    expect(woken()).toBe(2);
  });

  test('must never block, even if the FIFO is full', () => {
    aTrigger();
    const writer = openSync(path(), constants.O_WRONLY | constants.O_NONBLOCK);
    expect(() => {
      for (;;) writeSync(writer, Buffer.alloc(4096));
    }).toThrow('EAGAIN');
    closeSync(writer);
    expect(pull()).toBe(true);
  });
});

test('a writer that has closed it must not wake, nor end the listening', async () => {
  const { woken } = aTrigger();
  for (let count = 0; count < 50; count += 1)
    closeSync(openSync(path(), constants.O_WRONLY | constants.O_NONBLOCK));
  await aWhile();
  expect(woken()).toBe(0);
  pull();
  await until('a wake', woken);
});

describe('pulling it must report that no process reads', () => {
  test('if there is no FIFO', () => {
    expect(pull()).toBe(false);
    expect(() => lstatSync(path())).toThrow('ENOENT');
  });

  test('after it was closed', async () => {
    const { trigger } = aTrigger();
    trigger.close();
    await until('the end of the listening', () => !pull());
    expect(lstatSync(path()).isFIFO()).toBe(true);
  });
});

describe('something else in its place must be refused with a message, and stay:', () => {
  test.each([
    ['a file', () => scratch.write('trigger', 'mine'), 'another kind of file'],
    [
      'a link',
      () => {
        symlinkSync('/dev/null', path());
      },
      'a symbolic link',
    ],
    ['a directory', () => spawnSync('mkdir', [path()]), ''],
  ])('%s', (_, put, found) => {
    put();
    const { ino } = lstatSync(path());
    for (const attempt of [pull, aTrigger])
      expect(refused(attempt)).toContain(
        `trigger ${path()}: expected a FIFO of ours, found ${found}`,
      );
    expect(lstatSync(path()).ino).toBe(ino);
  });

  test('a FIFO that cannot be created must be reported', () => {
    expect(refused(() => openTrigger(scratch.path('nowhere'), () => undefined))).toContain(
      'cannot be created',
    );
  });
});

describe('whether a watch reads it', () => {
  const isThere = (): boolean => hasWatch(scratch.folder());

  test('must be seen without waking it', async () => {
    expect(isThere()).toBe(false);
    const { trigger, woken } = aTrigger();
    expect(isThere()).toBe(true);
    await aWhile();
    expect(woken()).toBe(0);
    pull();
    await until('a wake', woken);
    trigger.close();
    expect(isThere(), 'the FIFO alone is none').toBe(false);
  });

  test.each(['a file', 'a link'])('must be denied if %s is in its place', (what) => {
    if (what === 'a file') closeSync(openSync(path(), 'w'));
    else symlinkSync('/dev/null', path());
    expect(isThere()).toBe(false);
  });
});
