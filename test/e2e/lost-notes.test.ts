// What is known of a drain, when the files that tell it are damaged. A process must be asked to stop only once.
import { rmSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { isAlive } from '../rig/kernel.ts';
import { useMail } from '../rig/mail.ts';
import { until } from '../rig/wait.ts';

const { act, one, stateFile, forge, pids, terms, up, arrived } = useMail();
const commands = ['start', 'restart', 'bootcheck', 'stop'] as const;

describe('what is known of a drain', () => {
  /** A busy worker that was asked to finish and is at it. */
  async function draining(): Promise<number> {
    const [pid = 0] = await up();
    await one().giveJob();
    await act('restart', '--no-wait');
    await until('the TERM', () => terms().includes(pid));
    return pid;
  }

  const bounded = (command: string): string[] =>
    command === 'bootcheck' ? [command] : [command, '--no-wait'];

  describe.each([
    [
      'its note is broken',
      () => {
        forge('mail.1.stop', 'abc');
      },
    ],
    [
      'its note is empty',
      () => {
        forge('mail.1.stop', '');
      },
    ],
    [
      'its record is gone',
      () => {
        rmSync(stateFile('mail.1.json'));
      },
    ],
    [
      'its record is broken',
      () => {
        forge('mail.1.json', 'abc');
      },
    ],
  ])('%s', (_, damage) => {
    test.each(commands)('%s must not ask a second time', async (command) => {
      const pid = await draining();
      damage();
      await act(...bounded(command));
      await act(...bounded(command));
      expect(pids()).toEqual([pid]);
      one().finishJob();
      await until('its end', () => !isAlive(pid));
      expect(terms()).toEqual([pid]);
      await act('bootcheck');
      if (command === 'stop') expect(pids()).toEqual([]);
      else await arrived();
    });
  });

  test('a start after its record is gone must still be refused', async () => {
    const pid = await draining();
    rmSync(stateFile('mail.1.json'));
    const ended = await act('start', '--wait', '5s');
    expect(ended).toMatchObject({ exitCode: 1 });
    expect(ended.of('start_refused')).toMatchObject([{ instance: 'mail.1', pid }]);
  });
});
