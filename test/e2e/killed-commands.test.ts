// Commands that are killed at any moment. The next bootcheck must finish what they had begun, with one process of each
// instance, and one TERM for each process.
import { existsSync, statSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { endProcessesOf, removeFolder } from '../rig/folder.ts';
import { booted } from '../rig/instance.ts';
import { isAlive } from '../rig/kernel.ts';
import { useMail, type Ended } from '../rig/mail.ts';
import { pause, until } from '../rig/wait.ts';

const { act, launch, stateFile, terms, up, arrived, expectQuiet, recount, rig } = useMail();

describe('a command that is killed at any moment', () => {
  /** Milliseconds after it has taken the pass lock: its work takes some thirty, of a restart that proves its code first more. */
  const moments = Array.from({ length: 24 }, (_, index) => index * 1.5);
  const laterMoments = Array.from({ length: 12 }, (_, index) => index * 15);
  const names = ['mail.1', 'mail.2', 'mail.3'];

  beforeEach(() => {
    recount(3);
  });

  const lockTakenAt = (): number | undefined =>
    statSync(stateFile('pass.lock'), { throwIfNoEntry: false })?.mtimeMs;

  async function killedAt(ms: number, words: string[]): Promise<void> {
    const before = lockTakenAt();
    const child = launch(...words);
    let taken: number | undefined;
    while (taken === undefined || performance.now() < taken + ms) {
      if (lockTakenAt() !== before || child.exitCode !== null) taken ??= performance.now();
      // A pause of a millisecond leaves the command the CPU; the moments are not more exact than that.
      await pause(1);
    }
    child.kill('SIGKILL');
    await child;
  }

  /** A helper of the killed command may still have the lock for a moment. */
  async function bootcheck(): Promise<Ended> {
    for (;;) {
      const ended = await act('bootcheck');
      if (ended.exitCode !== 75) return ended;
    }
  }

  test('a bootcheck after a killed start must leave one process of each identifier', async () => {
    for (const ms of moments) {
      await killedAt(ms, ['start']);
      const ended = await bootcheck();
      expect(ended, `killed after ${ms} ms`).toMatchObject({ exitCode: 0, stderr: '' });
      for (const name of names) await arrived(name);
      await expectQuiet();
      for (const name of names) await arrived(name);
      await endProcessesOf(rig().folder);
      await removeFolder(rig().stateDir);
    }
    expect(terms()).toEqual([]);
  });

  // All are asked at once, and started by the next; or one is asked, started and seen ready, and then the others.
  test.each([
    // On a busy machine the first TERM may come later than all moments.
    { words: ['restart', '--no-canary'], most: 2, at: [...moments, 100, 200, 400] },
    { words: ['restart'], most: 4, at: laterMoments },
  ])(
    '$most bootchecks after a killed $words must finish it, and ask no process twice',
    async ({ words, most, at }) => {
      await up(...names);
      for (const ms of at) {
        const before: number[] = [];
        for (const name of names) before.push(await arrived(name));
        for (const name of names) await booted(rig().instance(name));
        await killedAt(ms, words);
        for (let pass = 0; pass < most; pass += 1) {
          const ended = await bootcheck();
          expect(ended, `killed after ${ms} ms`).toMatchObject({ exitCode: 0, stderr: '' });
          await until('the end of those that were asked', () =>
            before.every((pid) => !terms().includes(pid) || !isAlive(pid)),
          );
        }
        const after: number[] = [];
        for (const name of names) after.push(await arrived(name));
        const isDone = terms().length > 0 && after.every((pid) => !before.includes(pid));
        const isUntouched = after.every((pid) => before.includes(pid));
        expect(isDone || isUntouched, `killed after ${ms} ms: all or none replaced`).toBe(true);
      }
      expect(new Set(terms()).size).toBeGreaterThan(names.length);
      expect(terms()).toEqual([...new Set(terms())]);
    },
  );

  test('a command that is killed with its worker half started must not make two', async () => {
    const child = launch('start');
    await until(
      'a shim',
      () => names.some((name) => existsSync(stateFile(`${name}.shim`))),
      15_000,
    );
    child.kill('SIGKILL');
    await child;
    expect(await bootcheck()).toMatchObject({ exitCode: 0, stderr: '' });
    for (const name of names) await arrived(name);
  });
});
