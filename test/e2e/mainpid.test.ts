import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { booted, successor, type InstanceHandle } from '../rig/instance.ts';
import { processAt } from '../rig/kernel.ts';
import { deathOf } from '../rig/output.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, expectQuiet, statusOf, type Rig, type WorkerKeys } from '../rig/rig.ts';
import { timePasses, until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

const hasPerl = existsSync('/usr/bin/perl');

const hands: WorkerKeys = {
  command: fixture('hands-over'),
  ready: { notify: true },
  heartbeat: { timeout: '2s' },
};

/** Readiness by time is none of these workers'. */
const createNotifyRig = (worker: WorkerKeys = hands): Rig =>
  createRig({ mail: worker }, { defaults: { ready: {} } });

/** Lets a process name a successor; its own child where no pid is given. */
function upgrade(rig: Rig, pid: number, named = ''): void {
  writeFileSync(rig.path('upgrade.new'), named);
  renameSync(rig.path('upgrade.new'), rig.path(`${pid}.upgrade`));
}

/** Waits until the process has started its successor, and the watch has noted that. */
async function successorOf(rig: Rig, mail: InstanceHandle, pid: number): Promise<number> {
  upgrade(rig, pid);
  await until('the successor to be noted', () => existsSync(`${rig.stateDir}/mail.1.successor`));
  return until('the successor to boot', () => mail.boots().find((one) => one !== pid));
}

/** A worker that has named its successor, both alive, and the watch that has heard it. */
async function handedOver(): Promise<{
  rig: Rig;
  watch: Awaited<ReturnType<typeof watching>>;
  mail: InstanceHandle;
  old: number;
  next: number;
}> {
  const rig = createNotifyRig();
  const watch = await watching(rig);
  const mail = rig.instance('mail.1');
  const old = await booted(mail);
  return { rig, watch, mail, old, next: await successorOf(rig, mail, old) };
}

test.runIf(hasPerl)(
  'a successor that is named by MAINPID must take the place when the old process is gone, and get one TERM',
  async () => {
    const { rig, watch, mail, old, next } = await handedOver();
    expect(mail.pid(), 'it keeps its place while it lives').toBe(old);
    const [shown] = (await statusOf(rig)).instances;
    expect(shown).toMatchObject({ pid: old, detail: expect.stringContaining(`${next}`) as string });

    process.kill(old, 'SIGTERM');
    await watch.reports('adopted', { instance: 'mail.1', pid: next });
    await until('the pidfile to name it', () => mail.pid() === next);
    await timePasses(2_500); // more than the heartbeat's timeout: its beats must count
    expect(mail.boots()).toEqual([old, next]);
    expect(watch.events('killed')).toEqual([]);
    const { instances, ok } = await statusOf(rig);
    expect({ ok, instances }).toMatchObject({
      ok: true,
      instances: [{ pid: next, state: 'ready' }],
    });

    expect((await rig.workerctl('stop')).exitCode).toBe(0);
    expect(processAt(next)).toBeUndefined();
    expect(mail.terms()).toEqual([old, next]);
    expect((await rig.workerctl('start')).exitCode).toBe(0);
    const third = await successor(mail, next);
    expect(mail.processes()).toEqual([third]);
    expect(existsSync(`${rig.stateDir}/mail.1.successor`)).toBe(false);
  },
);

test.runIf(hasPerl)(
  'bootcheck must adopt the successor too, and replace it when it has died',
  async () => {
    const { rig, watch, mail, old, next } = await handedOver();
    watch.send('SIGKILL');
    await watch.running;
    process.kill(old, 'SIGKILL');
    await until('it to be gone', () => processAt(old) === undefined);
    expect((await rig.act('bootcheck')).of('adopted')).toMatchObject([{ pid: next }]);
    expect(mail.pid()).toBe(next);
    await expectQuiet(rig);
    expect(mail.boots()).toEqual([old, next]);

    process.kill(next, 'SIGKILL');
    await until('it to be gone', () => processAt(next) === undefined);
    const again = await watching(rig);
    await again.reports('started', { instance: 'mail.1' });
    const [died] = again.events('died');
    expect(died).toMatchObject({ instance: 'mail.1', pid: next });
    expect(deathOf(died)).toEqual({ unknown: 'it had no shim' });
    expect(mail.processes()).toHaveLength(1);
  },
);

test.runIf(hasPerl)('a stop while both live must let both finish, each by one TERM', async () => {
  const { rig, mail, old, next } = await handedOver();
  expect((await rig.workerctl('stop')).exitCode).toBe(0);
  expect([old, next].map(processAt)).toEqual([undefined, undefined]);
  expect(mail.terms()).toEqual([old, next]);
  expect(mail.boots()).toEqual([old, next]);
});

test.runIf(hasPerl)(
  'a restart while both live must replace the successor too: it runs the old code',
  async () => {
    const { rig, mail, old, next } = await handedOver();
    const { exitCode, all } = await rig.workerctl('restart');
    expect(exitCode, all).toBe(0);
    expect([old, next].map(processAt)).toEqual([undefined, undefined]);
    expect(mail.terms()).toEqual([old, next]);
    expect(mail.boots()).toHaveLength(3);
    expect(mail.pid()).toBe(mail.boots().at(-1));
  },
);

test.runIf(hasPerl)(
  'a process that is not its own must not be followed, nor any without ready.notify; that is reported once',
  async () => {
    const rig = createNotifyRig();
    const watch = await watching(rig);
    const mail = rig.instance('mail.1');
    const pid = await booted(mail);
    for (const named of ['1', String(process.pid), '1']) {
      upgrade(rig, pid, named);
      await until('it to be named', () => !existsSync(rig.path(`${pid}.upgrade`)));
    }
    await watch.reports('warning', { problem: new RegExp(`MAINPID=${process.pid} .*${pid}`) });
    upgrade(rig, pid, '4194303');
    await watch.reports('warning', { problem: /MAINPID=4194303 / });
    const warnings = watch.events('warning').map(({ problem }) => String(problem));
    expect(warnings.filter((problem) => problem.includes('MAINPID=1 '))).toHaveLength(1);
    expect(existsSync(`${rig.stateDir}/mail.1.successor`)).toBe(false);

    rig.configure({ mail: { command: fixture('hands-over'), ready: { after: '0s' } } });
    watch.send('SIGHUP');
    await watch.reports('config_reloaded');
    upgrade(rig, pid);
    await watch.reports('warning', { problem: /notify/ });
    expect(readOr(`${rig.stateDir}/mail.1.successor`, 'none')).toBe('none');
  },
);
