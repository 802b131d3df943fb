// Workers whose shims were killed, that have overwritten their environment, and whose records are lost or wrong: only their
// output says whose they are. Nothing must be started beside one.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { booted } from '../rig/instance.ts';
import { endProcess, environmentOf, isAlive, look } from '../rig/kernel.ts';
import { problemOf } from '../rig/output.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, expectQuiet, type Rig, type WorkerKeys } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

const names = ['mail.1', 'mail.2'];

/** All are up; none shows a marker, or has a shim. */
async function bare(more: WorkerKeys = {}): Promise<{ rig: Rig; pids: readonly number[] }> {
  const command = fixture('sets-its-title');
  const rig = createRig({ mail: { command, count: 2, ready: { after: '0s' }, ...more } });
  await rig.start();
  const pids: number[] = [];
  for (const name of names) {
    const instance = rig.instance(name);
    const pid = await booted(instance);
    await endProcess(Number(instance.record()['shim_pid']));
    expect(environmentOf(pid)['WORKERCTL_INSTANCE']).toBeUndefined();
    pids.push(pid);
  }
  return { rig, pids };
}

const fileOf = (rig: Rig, name: string): string => `${rig.stateDir}/${name}`;

const swapRecords = (rig: Rig): void => {
  const [one = '', two = ''] = names.map((name) => fileOf(rig, `${name}.json`));
  const [first, second] = [readFileSync(one), readFileSync(two)];
  writeFileSync(one, second);
  writeFileSync(two, first);
};

const lose = (rig: Rig, ...files: readonly string[]): void => {
  for (const file of files) rmSync(fileOf(rig, file));
};

const changeRecord = (rig: Rig, name: string, change: object): void => {
  const record = { ...rig.instance(name).record(), ...change };
  writeFileSync(fileOf(rig, `${name}.json`), JSON.stringify(record));
};

function expectOne(rig: Rig, pids: readonly number[]): void {
  for (const [index, name] of names.entries()) {
    expect(rig.instance(name).boots()).toEqual([pids[index]]);
    expect(rig.instance(name).pid()).toBe(pids[index]);
  }
  expect(pids.every(isAlive)).toBe(true);
}

describe('a worker that its pidfile or another part of its record names must be adopted, and stopped when that is asked', () => {
  test.each<[string, (rig: Rig) => void, WorkerKeys?]>([
    ['swapped records', swapRecords],
    [
      'a lost record',
      (rig) => {
        lose(rig, 'mail.1.json');
      },
    ],
    [
      'a torn record',
      (rig) => {
        writeFileSync(fileOf(rig, 'mail.1.json'), '{"pid":1');
      },
    ],
    [
      'another start time',
      (rig) => {
        changeRecord(rig, 'mail.1', { start_time: 1 });
      },
    ],
    [
      'another pid and a lost pidfile',
      (rig) => {
        changeRecord(rig, 'mail.1', { pid: 4_000_000 });
        lose(rig, 'mail.1.pid');
      },
    ],
    [
      'another boot',
      (rig) => {
        changeRecord(rig, 'mail.1', { boot_id: 'x' });
      },
    ],
    ['swapped records and a logger', swapRecords, { log: { command: 'cat' } }],
  ])('%s', async (_, damage, more) => {
    const { rig, pids } = await bare(more);
    damage(rig);
    const { exitCode, all, of } = await rig.act('bootcheck');
    expect(exitCode, all).toBe(0);
    expect(of('started')).toEqual([]);
    expectOne(rig, pids);
    await expectQuiet(rig);
    const stop = await rig.act('stop');
    expect(stop.exitCode, stop.all).toBe(0);
    expect(pids.some(isAlive)).toBe(false);
  });

  test('swapped records must not let watch start a second process', async () => {
    const { rig, pids } = await bare();
    swapRecords(rig);
    const watch = await watching(rig);
    for (const [index, instance] of names.entries())
      await watch.reports('adopted', { instance, pid: pids[index] });
    watch.send('SIGTERM');
    await watch.running;
    expectOne(rig, pids);
  });
});

describe('a worker that nothing names must get no signal, and nothing must be started beside it', () => {
  async function nameless(): Promise<{ rig: Rig; pid: number }> {
    const { rig, pids } = await bare();
    lose(rig, 'mail.1.json', 'mail.1.pid');
    return { rig, pid: pids[0] ?? 0 };
  }

  test.each([
    ['start'],
    ['bootcheck'],
    ['restart', 'mail.1'],
    ['stop', 'mail.1'],
    ['stop', '--now', 'mail.1'],
  ])('%s %s %s must refuse it and say how to adopt it', async (...words) => {
    const { rig, pid } = await nameless();
    const { exitCode, all, of } = await rig.act(...words);
    expect(exitCode, all).toBe(1);
    expect(of('signal_failed')).toHaveLength(1);
    expect(problemOf(of('signal_failed')[0])).toContain(`workerctl adopt mail.1 ${pid}`);
    expect(rig.instance('mail.1').boots()).toEqual([pid]);
    expect(isAlive(pid)).toBe(true);
  });

  test('bootcheck must report it once, status must show it, and once adopted it must be stopped', async () => {
    const { rig, pid } = await nameless();
    await rig.workerctl('bootcheck');
    await expectQuiet(rig, 'it was reported already');
    expect((await rig.workerctl('status')).all).toContain(`workerctl adopt mail.1 ${pid}`);
    const adopted = await rig.workerctl('adopt', 'mail.1', String(pid));
    expect(adopted.exitCode, adopted.all).toBe(0);
    const stop = await rig.workerctl('stop', 'mail.1');
    expect(stop.exitCode, stop.all).toBe(0);
    expect(isAlive(pid)).toBe(false);
  });

  test('watch must report it once, and start the instance when it has exited', async () => {
    const { rig, pid } = await nameless();
    const watch = await watching(rig);
    await watch.reports('signal_failed', { instance: 'mail.1', pid });
    const before = await watch.looks();
    await until('three more looks', async () => {
      await rig.workerctl('trigger');
      return (await watch.looks()) >= before + 3;
    });
    expect(watch.events('signal_failed')).toHaveLength(1);
    expect(rig.instance('mail.1').boots()).toEqual([pid]);
    await endProcess(pid);
    await watch.reports('started', { instance: 'mail.1' });
    watch.send('SIGTERM');
    await watch.running;
  });
});

describe('what has another place must not be taken for the worker', () => {
  const clears = 'env -i setsid sleep 1000000';

  test('a child of it with a session of its own', async () => {
    const rig = createRig({
      mail: {
        command: ['/bin/sh', '-c', `${clears} & echo $! >child; exec sleep 1000000`],
        ready: { after: '0s' },
      },
    });
    await rig.workerctl('start');
    const pid = rig.instance('mail.1').pid() ?? 0;
    const child = await until('the child', () => Number(readOr(rig.path('child'), '')));
    await until('its session', () => look(child)?.session === child);
    await endProcess(Number(rig.instance('mail.1').record()['shim_pid']));
    lose(rig, 'mail.1.json');
    const { exitCode, all, of } = await rig.act('bootcheck');
    expect(exitCode, all).toBe(0);
    expect(of('adopted')).toMatchObject([{ pid }]);
    await endProcess(child);
  });

  test('one that only reads its log, or writes to another one', async () => {
    const { rig, pids } = await bare();
    await rig.workerctl('stop');
    expect(pids.some(isAlive)).toBe(false);
    await rig.shell(`${clears} <log/mail.1.log >log/other.log 2>&1 & ${clears} >/dev/null 2>&1 &`);
    const { exitCode, all, of } = await rig.act('start');
    expect(exitCode, all).toBe(0);
    expect(of('started')).toHaveLength(2);
  });
});
