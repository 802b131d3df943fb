// A ledger that cannot be written: what stops does so all the same, and what starts is refused before it asks a process to exit.
import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { booted } from '../rig/instance.ts';
import { isAlive } from '../rig/kernel.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

const ways: readonly (readonly [string, (path: string) => void])[] = [
  [
    'a file',
    (path) => {
      writeFileSync(path, '');
    },
  ],
  [
    'a link to nothing',
    (path) => {
      symlinkSync('/nonexistent/x', path);
    },
  ],
];

async function without(put: (path: string) => void): Promise<{ rig: Rig; pids: number[] }> {
  const rig = createRig({ mail: { command: fixture('idle'), count: 2, ready: { after: '0s' } } });
  await rig.start();
  const pids = await Promise.all(['mail.1', 'mail.2'].map((name) => booted(rig.instance(name))));
  rmSync(`${rig.stateDir}/ledger`, { recursive: true });
  put(`${rig.stateDir}/ledger`);
  return { rig, pids };
}

test.each(
  ways.flatMap(([what, put]) =>
    [['stop'], ['stop', '--now'], ['stop', '--no-wait'], ['stop', '--kill-after', '1s']].map(
      (words) => [words.join(' '), what, words, put] as const,
    ),
  ),
)('%s must end all processes if the ledger is %s', async (_, __, words, put) => {
  const { rig, pids } = await without(put);
  const { exitCode, all, of } = await rig.act(...words);
  expect(exitCode, all).toBe(0);
  await until('their end', () => !pids.some(isAlive));
  // A command that does not wait sees no death, and has nothing to remember.
  if (!words.includes('--no-wait'))
    expect(of('warning').map(({ instance }) => instance)).toContain('ledger');
});

test.each([['restart'], ['restart', '--overlap'], ['start']])(
  '%s %s must be refused, and ask no process to exit',
  async (...words) => {
    for (const [, put] of ways) {
      const { rig, pids } = await without(put);
      const { exitCode, all } = await rig.workerctl(...words);
      expect(exitCode, all).toBe(73);
      expect(all).toContain(`${rig.stateDir}/ledger`);
      expect(pids.every(isAlive)).toBe(true);
      expect(rig.instance('mail.1').terms()).toEqual([]);
    }
  },
);

test('hold must hold', async () => {
  const [[, put]] = ways as [(typeof ways)[number]];
  const { rig } = await without(put);
  const { exitCode, all } = await rig.act('hold', 'mail.1');
  expect(exitCode, all).toBe(0);
  expect((await rig.workerctl('status')).all).toContain('held by');
});
