import { mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { findMarkedProcesses, type MarkedProcess } from '../../../src/host/process/strays.ts';
import { useScratch } from '../../rig/scratch.ts';
import { runShim, startName, type ShimOptions } from '../../rig/shim.ts';
import { endProcess, look, strings } from '../../rig/kernel.ts';
import { until } from '../../rig/wait.ts';

const scratch = useScratch();

/** A worker whose program is up, and its shim. */
async function worker(
  script: string,
  options: ShimOptions = {},
): Promise<{ pid: number; shim: number }> {
  const shim = runShim(scratch, ['/bin/sh', '-c', script], options);
  const pid = await shim.worker();
  await until('the program', () => strings(pid, 'cmdline')[0] === 'sleep');
  return { pid, shim: shim.pid };
}

const sleeps = 'exec sleep 1000';

/** Overwrites its environment, like programs that set their title: /proc does not show the marker. */
const forgets = 'exec env -i sleep 1000';

const find = (stateDir = scratch.path('state')): MarkedProcess[] => findMarkedProcesses(stateDir);
const pidsFound = (stateDir?: string): number[] =>
  find(stateDir).map(({ process: { pid } }) => pid);

test('nothing must be found if nothing runs', () => {
  expect(find()).toEqual([]);
});

test('a worker must be found, with its living shim', async () => {
  const { pid, shim } = await worker(sleeps);
  expect(find()).toEqual([
    {
      instance: 'mail.1',
      process: expect.objectContaining({ pid, startTime: look(pid)?.startTime }) as unknown,
      shim: { pid: shim, runId: startName },
    },
  ]);
});

test('a worker must be found by its marker if its shim is dead', async () => {
  const { pid, shim } = await worker(sleeps);
  await endProcess(shim);
  const [found, ...others] = find();
  expect(others).toEqual([]);
  expect(found).toMatchObject({ instance: 'mail.1', process: { pid } });
  expect(found).not.toHaveProperty('shim');
});

test('a worker that becomes another program must be found at every moment', async () => {
  scratch.write('again', '#!/bin/sh\nexec /bin/sh "$0"\n');
  const shim = runShim(scratch, ['/bin/sh', scratch.path('again')]);
  const pid = await shim.worker();
  await endProcess(shim.pid);
  for (let look = 0; look < 100; look += 1) expect(pidsFound(), `look ${look}`).toEqual([pid]);
  await endProcess(pid);
});

test('a worker that has overwritten its environment must be found by its shim', async () => {
  const { pid, shim } = await worker(forgets);
  expect(strings(pid, 'environ').join('')).toBe('');
  expect(find()).toMatchObject([
    { instance: 'mail.1', process: { pid }, shim: { pid: shim, runId: startName } },
  ]);
});

test('each of several workers must be found under its own name', async () => {
  const first = await worker(sleeps, { instance: 'mail.1' });
  const second = await worker(forgets, { instance: 'job-a.b_2' });
  const found = new Map(find().map(({ instance, process: { pid } }) => [instance, pid]));
  expect(found).toEqual(
    new Map([
      ['mail.1', first.pid],
      ['job-a.b_2', second.pid],
    ]),
  );
});

describe('what must not count as the worker', () => {
  test('its children', async () => {
    const { pid } = await worker('sleep 1001 & sleep 1002 & exec sleep 1000');
    expect(pidsFound()).toEqual([pid]);
  });

  test('its children if its shim is dead', async () => {
    const { pid, shim } = await worker('sleep 1001 & exec sleep 1000');
    await endProcess(shim);
    expect(pidsFound()).toEqual([pid]);
  });

  test('a child in a session of its own', async () => {
    const { pid } = await worker('setsid sleep 1001 & exec sleep 1000');
    expect(pidsFound()).toEqual([pid]);
  });

  test('a child that outlives it', async () => {
    const { pid } = await worker('setsid sleep 1001 & exec sleep 1000');
    await endProcess(pid);
    await until('nothing found', () => pidsFound().length === 0);
  });

  test('its shim', async () => {
    const { shim } = await worker(sleeps);
    expect(pidsFound()).not.toContain(shim);
  });

  test('a worker that is dead', async () => {
    const { pid } = await worker(sleeps);
    await endProcess(pid);
    expect(pidsFound()).toEqual([]);
  });

  test('a worker that is a zombie, its shim being stopped', async () => {
    const { pid, shim } = await worker(sleeps);
    process.kill(shim, 'SIGSTOP');
    await until('a stopped shim', () => look(shim)?.state === 'T');
    await endProcess(pid);
    expect(look(pid)?.state).toBe('Z');
    expect(pidsFound()).toEqual([]);
  });

  test('a worker of another state directory', async () => {
    await worker(sleeps);
    mkdirSync(scratch.path('other'));
    expect(find(scratch.path('other'))).toEqual([]);
  });

  test('a program that only mentions the marker', async () => {
    const env = { WORKERCTL_INSTANCE: 'mail.1', WORKERCTL_STATE_DIR: scratch.path('state') };
    const words = ['supervise', 'mail.1', scratch.path('state'), 'x.pid', 'start'];
    const child = scratch.run(['/bin/sh', '-c', 'echo up; exec sleep 1000', ...words], {
      env: { ...env, WORKERCTL_PID: '1' },
      detached: true,
    });
    await child.says('up');
    expect(find()).toEqual([]);
  });
});

describe('the state directory', () => {
  test('must be recognised under another name', async () => {
    const { pid } = await worker(sleeps);
    symlinkSync(scratch.path('state'), scratch.path('current'));
    expect(pidsFound(scratch.path('current'))).toEqual([pid]);
  });

  test('must be recognised if the worker knows it under another name', async () => {
    mkdirSync(scratch.path('state'));
    symlinkSync(scratch.path('state'), scratch.path('current'));
    const { pid, shim } = await worker(sleeps, { stateDir: scratch.path('current') });
    expect(pidsFound()).toEqual([pid]);
    await endProcess(shim);
    expect(pidsFound()).toEqual([pid]);
  });

  test('must be recognised although it was deleted', async () => {
    const { pid } = await worker(sleeps);
    rmSync(scratch.path('state'), { recursive: true });
    expect(pidsFound()).toEqual([pid]);
    mkdirSync(scratch.path('state'));
    expect(pidsFound()).toEqual([pid]);
  });

  test('must be another one after it was moved away and created elsewhere', async () => {
    await worker(sleeps);
    renameSync(scratch.path('state'), scratch.path('moved'));
    expect(find(scratch.path('elsewhere'))).toEqual([]);
  });
});
