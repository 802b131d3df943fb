import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { booted } from '../rig/instance.ts';
import { deathOf } from '../rig/output.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, statesOf, type Rig, type WorkerKeys } from '../rig/rig.ts';
import { timePasses, until } from '../rig/wait.ts';
import { watching, type Watching } from '../rig/watch.ts';

const hasPerl = existsSync('/usr/bin/perl');

/** A watch over one worker that asks for more time. */
async function watched(keys: WorkerKeys): Promise<{ rig: Rig; watch: Watching }> {
  const worker = { command: fixture('asks-for-time'), ready: { notify: true }, ...keys };
  const rig = createRig({ mail: worker }, { defaults: { ready: {} } });
  return { rig, watch: await watching(rig) };
}

const isIn = async (rig: Rig, state: string): Promise<boolean> =>
  (await statesOf(rig)).every((one) => one.endsWith(` ${state}`));

describe.runIf(hasPerl)('a process that sends EXTEND_TIMEOUT_USEC', () => {
  test('must have that much time to become ready', async () => {
    const { rig, watch } = await watched({
      ready: { notify: true, timeout: '1s' },
      env: { BOOT: '3', EXTEND: '60' },
    });
    const mail = rig.instance('mail.1');
    const first = await booted(mail);
    await until('it to be ready', () => isIn(rig, 'ready'));
    const restart = await rig.workerctl('restart');
    expect(restart.exitCode, restart.stderr).toBe(0);
    expect(mail.terms()).toEqual([first]);
    expect(watch.events('killed')).toEqual([]);
  });

  test('must not have more than max_extension to become ready', async () => {
    const { rig } = await watched({
      ready: { notify: true, timeout: '1s' },
      max_extension: '500ms',
      env: { BOOT: '60', EXTEND: '60' },
    });
    await booted(rig.instance('mail.1'));
    await until('it to be late', () => isIn(rig, 'late'));
  });

  test('must have that much time to exit after a stop, but not after stop --kill-after', async () => {
    const keys = { stop: { timeout: '1s' }, env: { DRAIN: '4', EXTEND: '60' } };
    const { rig, watch } = await watched({ ...keys, count: 2 });
    const [mail, other] = [rig.instance('mail.1'), rig.instance('mail.2')];
    await Promise.all([booted(mail), booted(other)]);
    await until('both to be ready', () => isIn(rig, 'ready'));
    const stops = await Promise.all([
      rig.workerctl('stop', 'mail.1'),
      rig.workerctl('stop', 'mail.2', '--kill-after', '1s'),
    ]);
    expect(stops.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    const endOf = (name: string): string => readOr(`${rig.stateDir}/${name}.exit`, '');
    expect(endOf('mail.1')).toContain('"exit_status":0');
    expect(endOf('mail.2')).toContain('"signal_number":9');
    expect([mail, other].flatMap((one) => one.terms())).toHaveLength(2);
    expect(watch.events('killed').map(({ instance }) => instance)).not.toContain('mail.1');
  });

  test('must have that much time without a sign of life', async () => {
    const { rig, watch } = await watched({
      heartbeat: { timeout: '1s' },
      max_extension: '4s',
      env: { EXTEND: '60' },
    });
    const mail = rig.instance('mail.1');
    const pid = await booted(mail);
    await until('it to be ready', () => isIn(rig, 'ready'));
    await timePasses(2_500);
    expect(mail.boots()).toEqual([pid]);
    const died = await watch.reports('died', { pid });
    expect(deathOf(died)).toEqual({ signal: 'SIGKILL' });
  });
});
