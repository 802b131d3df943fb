import { rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { linesOf } from '../rig/files.ts';
import { bootcheck, createRig, expectQuiet, statesOf, statusOf, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

// Workers that are not started again once they have ended (on_exit).

/** Notes its start, and exits with the status in the file `code`, or 0. */
const oneShot = {
  command: ['sh', '-c', 'echo $$ >>"$RIG/starts"; exit $(cat "$RIG/code" 2>/dev/null)'],
  on_exit: 'on_failure',
  ready: { after: '1s' },
};

const startsIn = (rig: Rig): number => linesOf(rig.path('starts')).length;

/** Waits until nothing runs any more: the shim has reported the death. */
const state = (rig: Rig, wanted: string): Promise<unknown> =>
  until(`import.1 to be ${wanted}`, async () => (await statesOf(rig))[0] === `import.1 ${wanted}`);

describe('a one-shot that exits with 0', () => {
  test('must be done: start succeeds, status is fine, and no pass starts it again', async () => {
    const rig = createRig({ import: oneShot });
    const { exitCode, of } = await rig.act('start');
    expect(exitCode).toBe(0);
    expect(of('finished')).toHaveLength(1);
    expect(of('start_failed')).toEqual([]);
    const status = await statusOf(rig);
    expect(status).toMatchObject({ ok: true, wanted: 1, up: 0, ready: 0, done: 1 });
    expect((await rig.workerctl('status')).exitCode).toBe(0);
    await expectQuiet(rig);
    expect(rig.journal('died')).toMatchObject([{ verdict: 'done', level: 'info' }]);
    // As after a boot: the record and the ledger are gone, state.json is not.
    rmSync(rig.path('.workerctl/import.1.json'));
    rmSync(rig.path('.workerctl/import.1.exit'));
    rmSync(rig.path('.workerctl/ledger'), { recursive: true });
    expect((await bootcheck(rig)).map(({ kind }) => kind)).toEqual(['warning']);
    expect(await statesOf(rig)).toEqual(['import.1 done']);
    expect(startsIn(rig)).toBe(1);
  });

  test('must run again by start, by a restart that names it, and with another command', async () => {
    const rig = createRig({ import: oneShot });
    expect((await rig.act('start')).exitCode).toBe(0);
    const all = await rig.act('restart');
    expect(all.exitCode).toBe(0);
    expect(all.of('skipped_done')).toHaveLength(1);
    expect(startsIn(rig)).toBe(1);
    for (const [index, words] of [
      ['start'],
      ['restart', 'import'],
      ['restart', 'import.1'],
    ].entries()) {
      const { exitCode, of } = await rig.act(...words);
      expect([exitCode, of('finished').length], words.join(' ')).toEqual([0, 1]);
      expect(startsIn(rig)).toBe(index + 2);
    }
    expect(await statesOf(rig)).toEqual(['import.1 done']);
    rig.configure({ import: { ...oneShot, command: [...oneShot.command, 'other'] } });
    expect(await statesOf(rig)).toEqual(['import.1 missing']);
    await rig.workerctl('bootcheck');
    await state(rig, 'done');
    expect(startsIn(rig)).toBe(5);
  });

  test('must be left alone by watch, held or not, and stop and want treat it as down', async () => {
    const rig = createRig({ import: { ...oneShot, count: 2 } });
    const { quiet } = await watching(rig);
    await until('both to be done', async () => (await statusOf(rig)).done === 2);
    await quiet();
    expect(startsIn(rig)).toBe(2);
    await rig.act('hold', 'import.1');
    await rig.act('unhold', 'import.1');
    expect((await rig.act('stop', 'import.2')).exitCode).toBe(0);
    expect(await statesOf(rig)).toEqual(['import.1 done', 'import.2 stopped']);
    expect((await rig.act('want', '3', 'import')).exitCode).toBe(0);
    await until('the third to be done', async () => (await statusOf(rig)).done === 2);
    expect(startsIn(rig)).toBe(3);
    expect((await rig.act('want', '1', 'import')).exitCode).toBe(0);
    expect(await statesOf(rig)).toEqual(['import.1 done']);
    await quiet();
    expect(startsIn(rig)).toBe(3);
  });
});

describe('a one-shot that fails', () => {
  test('must be tried again until it succeeds with on_failure', async () => {
    const rig = createRig({ import: { ...oneShot, backoff: { initial: '100ms', max: '100ms' } } });
    writeFileSync(rig.path('code'), '3');
    await watching(rig);
    await until('several attempts', () => startsIn(rig) >= 3);
    writeFileSync(rig.path('code'), '0');
    await state(rig, 'done');
  });

  test('must succeed by a code that the config calls a success', async () => {
    const rig = createRig({ import: { ...oneShot, success_codes: [0, 3] } });
    writeFileSync(rig.path('code'), '3');
    expect((await rig.act('start')).exitCode).toBe(0);
    expect(await statesOf(rig)).toEqual(['import.1 done']);
  });

  test('must stay down with never, which start and status report as a failure', async () => {
    const rig = createRig({ import: { ...oneShot, on_exit: 'never' } });
    writeFileSync(rig.path('code'), '3');
    expect((await rig.act('start')).exitCode).toBe(1);
    expect(await bootcheck(rig)).toEqual([]);
    await expectQuiet(rig);
    expect(await statesOf(rig)).toEqual(['import.1 failed']);
    expect((await rig.workerctl('status')).exitCode).toBe(3);
    expect(startsIn(rig)).toBe(1);
    writeFileSync(rig.path('code'), '0');
    expect((await rig.act('restart', 'import.1')).exitCode).toBe(0);
    expect(await statesOf(rig)).toEqual(['import.1 done']);
  });
});

test('a rollout of one-shots must succeed, canary first, and abort if the canary fails', async () => {
  const rig = createRig({
    import: {
      ...oneShot,
      count: 3,
      command: [
        'sh',
        '-c',
        'echo $$ >>"$RIG/starts"; trap "exit 0" TERM; test -e "$RIG/new" || while :; do sleep 0.05; done; exit $(cat "$RIG/code" 2>/dev/null)',
      ],
    },
  });
  expect((await rig.act('start')).exitCode).toBe(0);
  writeFileSync(rig.path('new'), '');
  writeFileSync(rig.path('code'), '4');
  expect((await rig.act('restart')).exitCode).toBe(1);
  expect((await statusOf(rig)).ready).toBe(2);
  writeFileSync(rig.path('code'), '0');
  const { exitCode, of } = await rig.act('restart');
  expect(exitCode).toBe(0);
  expect(of('finished')).toHaveLength(3);
  expect((await statusOf(rig)).done).toBe(3);
  expect((await statusOf(rig)).rollouts).toEqual([]);
});
