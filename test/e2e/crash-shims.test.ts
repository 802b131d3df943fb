// What the death of a shim leaves: never a second process, and a place that the next pass can fill.
import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  counts,
  expectSound,
  holdShims,
  noting,
  settle,
  shimOf,
  shimsIn,
  starting,
  two,
} from '../rig/crash.ts';
import { readOr } from '../rig/files.ts';
import { booted } from '../rig/instance.ts';
import { deathOf } from '../rig/output.ts';
import { createRig, expectQuiet } from '../rig/rig.ts';
import { pause, timePasses, until } from '../rig/wait.ts';

/** What the shim does before it publishes a record. */
const publishing = 'publish_worker ||';
const writing = 'put "$shim_text" "$shim_target"';
const reporting = 'make_room_at "$shim_state_dir/$shim_name.exit"';

const kill = (pid: number): true => process.kill(pid, 'SIGKILL');

describe('kill -9 of the shim', () => {
  test('before the record is there must not make two of its worker', async () => {
    const rig = createRig({ mail: noting() });
    holdShims(rig, publishing);
    const starting = rig.shell('exec workerctl start --no-wait');
    await until('a worker that hangs', () => shimsIn(rig, 'become').length > 0);
    for (const pid of shimsIn(rig, 'supervise')) kill(pid);
    expect((await starting).exitCode).toBe(1);

    expect((await rig.act('bootcheck')).of('started')).toEqual([]);
    expect(shimsIn(rig, 'become')).toHaveLength(1);
    writeFileSync(rig.path('go'), '');
    await until('its boot', () => rig.instance('mail.1').boots().length > 0);
    await settle(rig);
    expect(rig.instance('mail.1').boots()).toHaveLength(1);
    expect(rig.instance('mail.1').processes()).toHaveLength(1);
  });

  test('together with a worker that is not there yet must leave the place to the next start', async () => {
    const rig = createRig({ mail: noting({ backoff: { initial: '1ms' } }) });
    holdShims(rig, publishing);
    const starting = rig.shell('exec workerctl start --no-wait');
    await until('a worker that hangs', () => shimsIn(rig, 'become').length > 0);
    for (const stage of ['supervise', 'become'] as const)
      for (const pid of shimsIn(rig, stage)) kill(pid);
    expect((await starting).exitCode).toBe(1);
    writeFileSync(rig.path('go'), '');

    await settle(rig);
    expect(rig.instance('mail.1').processes()).toHaveLength(1);
  });

  test('while the record is empty must leave the place to the next start', async () => {
    const rig = createRig({ mail: noting({ backoff: { initial: '1ms' } }) });
    holdShims(rig, writing, ': >"$shim_target"');
    const starting = rig.shell('exec workerctl start --no-wait');
    const record = `${rig.stateDir}/mail.1.json`;
    await until('an empty record', () => readOr(record, undefined) === '');
    for (const stage of ['supervise', 'become'] as const)
      for (const pid of shimsIn(rig, stage)) kill(pid);
    expect((await starting).exitCode).toBe(1);
    expect(readOr(record, undefined)).toBe('');
    writeFileSync(rig.path('go'), '');

    await settle(rig);
    expect(rig.instance('mail.1').processes()).toHaveLength(1);
    await expectQuiet(rig);
  });

  test('while the record has been empty for a while must not make two of its worker', async () => {
    const rig = createRig({ mail: noting() });
    holdShims(rig, writing, ': >"$shim_target"');
    const starting = rig.shell('exec workerctl start --no-wait');
    await until('an empty record', () => readOr(`${rig.stateDir}/mail.1.json`, '-') === '');
    starting.kill('SIGKILL');
    await starting;
    for (const pid of shimsIn(rig, 'supervise')) kill(pid);
    await timePasses(1_100);
    expect((await rig.act('bootcheck')).of('started')).toEqual([]);
    writeFileSync(rig.path('go'), '');
    await until('its boot', () => rig.instance('mail.1').boots().length > 0);
    await settle(rig);
    expect(rig.instance('mail.1').boots()).toHaveLength(1);
    await expectSound(rig, ['mail.1']);
  });

  test('and of the command before the record is there must not make two of its worker', async () => {
    const rig = createRig({ mail: noting() });
    holdShims(rig, publishing);
    const starting = rig.shell('exec workerctl start --no-wait');
    await until('a worker that hangs', () => shimsIn(rig, 'become').length > 0);
    starting.kill('SIGKILL');
    await starting;
    for (const pid of shimsIn(rig, 'supervise')) kill(pid);
    const waiting = rig.workerctl('bootcheck');
    await pause(500);
    writeFileSync(rig.path('go'), '');
    expect((await waiting).exitCode).toBe(0);
    await until('its boot', () => rig.instance('mail.1').boots().length > 0);
    await settle(rig);
    expect(rig.instance('mail.1').boots()).toHaveLength(1);
  });

  test('as soon as the record is there must leave one worker, that can be replaced', async () => {
    const rig = createRig({ mail: noting() });
    void rig.workerctl('start', '--no-wait');
    const mail = rig.instance('mail.1');
    await until('its record', () => readOr(`${rig.stateDir}/mail.1.json`, '') !== '');
    kill(shimOf(rig, 'mail.1'));
    const old = await booted(mail);
    await settle(rig);
    expect((await rig.workerctl('restart')).exitCode).toBe(0);
    await settle(rig);
    expect(mail.terms()).toEqual([old]);
    await expectSound(rig, ['mail.1']);
  });

  test('while its worker runs must not keep it from being asked once, and replaced', async () => {
    const rig = createRig({ mail: noting({ count: 2 }) });
    await starting(...two)(rig);
    for (const name of two) kill(shimOf(rig, name));
    await expectQuiet(rig);
    expect((await rig.workerctl('restart')).exitCode).toBe(0);
    await settle(rig);
    expect(counts(rig, 'boots')).toEqual([2, 2]);
    await expectSound(rig, two);
  });

  test('while it reports a death must cost the report, and not the next start', async () => {
    const rig = createRig({ mail: noting() });
    holdShims(rig, reporting);
    await rig.shell('exec workerctl start');
    const mail = rig.instance('mail.1');
    await until('its boot', () => mail.boots().length > 0);
    kill(mail.boots()[0] ?? 0);
    await until('its death', () => mail.processes().length === 0);
    kill(shimOf(rig, 'mail.1'));
    await settle(rig);
    expect(rig.journal('died').map(deathOf)).toEqual([{ unknown: 'no report of how it exited' }]);
    await until('its start', () => mail.boots().length === 2);
    expect(mail.processes()).toEqual([mail.boots()[1]]);
  });
});

test('a shim that hangs before its report must not make a restart succeed with code that exits at once', async () => {
  const command = ['sh', '-c', '[ ! -e broken ] || exit 7; exec sleep 1000'];
  const rig = createRig({
    mail: { command, ready: { after: '10s' }, backoff: { initial: '20s' } },
  });
  expect((await rig.workerctl('start')).exitCode).toBe(0);
  holdShims(rig, reporting);
  writeFileSync(rig.path('broken'), '');
  const { exitCode, all } = await rig.shell('exec workerctl restart');
  expect(exitCode, all).toBe(1);
  expect(rig.journal('rollout_finished')).toMatchObject([{ instance: 'mail', how: 'aborted' }]);
  expect(rig.journal('backoff')).toMatchObject([{ failures: 1 }]);
  expect(rig.journal('died').map(deathOf).at(-1)).toEqual({
    unknown: 'no report of how it exited',
  });
  writeFileSync(rig.path('go'), '');
});

test('a start that takes long must not make a restart succeed with code that exits at once', async () => {
  const command = ['sh', '-c', '[ ! -e broken ] || exit 7; exec sleep 1000'];
  const rig = createRig({
    mail: { command, ready: { after: '10s' }, backoff: { initial: '20s' } },
  });
  expect((await rig.workerctl('start')).exitCode).toBe(0);
  const [old] = shimsIn(rig, 'supervise');
  holdShims(rig, 'umask 022');
  writeFileSync(rig.path('broken'), '');
  const restart = rig.shell('exec workerctl restart');
  await until('a shim that hangs', () => shimsIn(rig, 'supervise').some((pid) => pid !== old));
  await timePasses(1_500);
  writeFileSync(rig.path('go'), '');
  const { exitCode, all } = await restart;
  expect(exitCode, all).toBe(1);
  expect(rig.journal('rollout_finished')).toMatchObject([{ instance: 'mail', how: 'aborted' }]);
  expect(rig.journal('backoff')).toMatchObject([{ failures: 1 }]);
});
