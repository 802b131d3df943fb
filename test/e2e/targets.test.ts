import { expect, test } from 'vitest';
import { commands } from '../../src/commands/table.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, statesOf, type Rig } from '../rig/rig.ts';

const runs = { command: fixture('drains-after-job') };

const many = (): Rig =>
  createRig({
    mail: { ...runs, count: 3, tags: ['slow'] },
    fsck: { ...runs, identifiers: ['a', 'b'], tags: ['slow'] },
    web: { ...runs, count: 0 },
  });

/** What an acting command would do, by its plan: `mail.1`. */
async function planned(rig: Rig, ...words: readonly string[]): Promise<string[]> {
  const { stdout } = await rig.workerctl(...words, '--dry-run', '--json');
  const { plan } = JSON.parse(stdout) as { plan: { instance: string }[] };
  return plan.map(({ instance }) => instance);
}

test('all commands with targets must understand braces, sets, tags and exceptions', async () => {
  const rig = many();
  expect(await planned(rig, 'start', 'mail.{1,3}')).toEqual(['mail.1', 'mail.3']);
  expect(await planned(rig, 'start', 'mail.[2-3]', 'fsck.{a..b}')).toEqual([
    'mail.2',
    'mail.3',
    'fsck.a',
    'fsck.b',
  ]);
  expect(await planned(rig, 'start', '@slow', '--except', 'mail.{1..2},fsck.b')).toEqual([
    'mail.3',
    'fsck.a',
  ]);
  for (const [name, load] of Object.entries(commands)) {
    const { operands, options } = await load();
    if (!operands.includes('TARGET')) continue;
    const before = name === 'signal' ? ['HUP'] : [];
    const words = [name, ...before, '"mail.{1,7}"'].join(' ');
    // Some need a terminal.
    const { all, exitCode } = await rig.shell(
      `script -qec 'stty rows 20 cols 100; exec workerctl ${words}' /dev/null </dev/null`,
    );
    expect(`${name}: ${all}`).toContain('target "mail.7"');
    expect(exitCode).toBe(2);
    expect(Object.keys(options)).toEqual(expect.arrayContaining(['except', 'state']));
  }
});

test('--state must choose what is in a state now, and never all if nothing is', async () => {
  const rig = many();
  await rig.start('mail');
  await rig.workerctl('stop', 'mail.2');
  expect(await planned(rig, 'start', '--state', 'stopped')).toEqual(['mail.2']);
  expect(await planned(rig, 'start', '@slow', '--state', 'missing')).toEqual(['fsck.a', 'fsck.b']);
  expect(await planned(rig, 'stop', '--state', 'ready', '--except', 'mail.1')).toEqual(['mail.3']);
  const before = await statesOf(rig);
  const none = await rig.workerctl('stop', '--state', 'draining,backoff');
  expect(none.stdout).toBe('nothing to do: no instance is draining or backoff');
  expect(none.exitCode).toBe(0);
  const restarted = await rig.act('restart', 'fsck', '--state', 'ready');
  expect(restarted.result()).toMatchObject({ command: 'restart', exit_code: 0, outcome: 'done' });
  expect(await statesOf(rig)).toEqual(before);
});

test('what --except names must exist, and must leave something', async () => {
  const rig = many();
  const typo = await rig.workerctl('restart', '--except', 'mial');
  expect(typo.stderr).toContain('did you mean mail?');
  const nothing = await rig.workerctl('restart', 'mail', '--except', '@slow');
  expect(nothing.stderr).toContain('--except: nothing is left');
  const tag = await rig.workerctl('stop', '@slwo');
  expect(tag.stderr).toContain('did you mean @slow?');
  expect([typo, nothing, tag].map(({ exitCode }) => exitCode)).toEqual([2, 2, 2]);
});

test('a status without some instances must be that of the others', async () => {
  const rig = many();
  await rig.start('mail');
  expect(await statesOf(rig, '--except', 'fsck,mail.2')).toEqual(['mail.1 ready', 'mail.3 ready']);
});
