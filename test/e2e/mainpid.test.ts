import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  booted,
  createRig,
  fixture,
  processAt,
  readOr,
  until,
  type InstanceHandle,
  type Rig,
  type WorkerKeys,
} from './rig.ts';
import { statusOf, successor } from './rollout-rig.ts';
import { watching } from './watch-rig.ts';

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
async function heirOf(rig: Rig, mail: InstanceHandle, pid: number): Promise<number> {
  upgrade(rig, pid);
  await until(() => existsSync(`${rig.stateDir}/mail.1.successor`), 'the successor to be noted');
  return until(() => mail.boots().find((one) => one !== pid), 'the successor to boot');
}

/** A worker that has named its successor, both alive, and the watch that has heard it. */
async function handedOver(): Promise<{
  rig: Rig;
  watch: Awaited<ReturnType<typeof watching>>;
  mail: InstanceHandle;
  old: number;
  heir: number;
}> {
  const rig = createNotifyRig();
  const watch = await watching(rig);
  const mail = rig.instance('mail.1');
  const old = await booted(mail);
  return { rig, watch, mail, old, heir: await heirOf(rig, mail, old) };
}

const passed = (ms: number): Promise<true> => {
  const begun = performance.now();
  return until(() => performance.now() - begun > ms, `${ms} ms to pass`);
};

test.runIf(hasPerl)(
  'a successor that is named by MAINPID must take the place when the old process is gone, and get one TERM',
  async () => {
    const { rig, watch, mail, old, heir } = await handedOver();
    expect(mail.pid(), 'it keeps its place while it lives').toBe(old);
    const [shown] = (await statusOf(rig)).instances;
    expect(shown).toMatchObject({ pid: old, detail: `pid ${heir} takes over when it is gone` });

    process.kill(old, 'SIGTERM');
    await watch.says(
      new RegExp(`mail\\.1: adopted pid ${heir}: pid ${old} has named it as its successor`),
    );
    await until(() => mail.pid() === heir, 'the pidfile to name it');
    await passed(2_500); // more than the heartbeat's timeout: its beats must count
    expect(mail.boots()).toEqual([old, heir]);
    expect(watch.said()).not.toContain('Watchdog');
    const { instances, ok } = await statusOf(rig);
    expect({ ok, instances }).toMatchObject({
      ok: true,
      instances: [{ pid: heir, state: 'ready' }],
    });

    expect((await rig.workerctl('stop')).exitCode).toBe(0);
    expect(processAt(heir)).toBeUndefined();
    expect(mail.terms()).toEqual([old, heir]);
    expect((await rig.workerctl('start')).exitCode).toBe(0);
    const next = await successor(mail, heir);
    expect(mail.processes()).toEqual([next]);
    expect(existsSync(`${rig.stateDir}/mail.1.successor`)).toBe(false);
  },
);

test.runIf(hasPerl)(
  'bootcheck must adopt the successor too, and replace it when it has died',
  async () => {
    const { rig, watch, mail, old, heir } = await handedOver();
    watch.send('SIGKILL');
    await watch.running;
    process.kill(old, 'SIGKILL');
    await until(() => processAt(old) === undefined, 'it to be gone');
    const adopted = await rig.workerctl('bootcheck');
    expect(adopted.all).toContain(`adopted pid ${heir}`);
    expect(mail.pid()).toBe(heir);
    expect((await rig.workerctl('bootcheck')).all).toBe('');
    expect(mail.boots()).toEqual([old, heir]);

    process.kill(heir, 'SIGKILL');
    await until(() => processAt(heir) === undefined, 'it to be gone');
    const again = await watching(rig);
    await again.says(/mail\.1: started pid \d+: pid \d+ died: status unknown: it had no shim/);
    expect(mail.processes()).toHaveLength(1);
  },
);

test.runIf(hasPerl)('a stop while both live must let both leave, each by one TERM', async () => {
  const { rig, mail, old, heir } = await handedOver();
  expect((await rig.workerctl('stop')).exitCode).toBe(0);
  expect([old, heir].map(processAt)).toEqual([undefined, undefined]);
  expect(mail.terms()).toEqual([old, heir]);
  expect(mail.boots()).toEqual([old, heir]);
});

test.runIf(hasPerl)(
  'a restart while both live must replace the successor too: it runs the old code',
  async () => {
    const { rig, mail, old, heir } = await handedOver();
    const { exitCode, all } = await rig.workerctl('restart');
    expect(exitCode, all).toBe(0);
    expect([old, heir].map(processAt)).toEqual([undefined, undefined]);
    expect(mail.terms()).toEqual([old, heir]);
    expect(mail.boots()).toHaveLength(3);
    expect(mail.pid()).toBe(mail.boots().at(-1));
  },
);

test.runIf(hasPerl)(
  'who is no process of its own must not be followed, nor where ready.notify is not set; that is told once',
  async () => {
    const rig = createNotifyRig();
    const watch = await watching(rig);
    const mail = rig.instance('mail.1');
    const pid = await booted(mail);
    for (const named of ['1', String(process.pid), '1']) {
      upgrade(rig, pid, named);
      await until(() => !existsSync(rig.path(`${pid}.upgrade`)), 'it to be named');
    }
    await watch.says(new RegExp(`MAINPID=${process.pid} of pid ${pid} is not followed`));
    upgrade(rig, pid, '4194303');
    await watch.says(/MAINPID=4194303 of pid \d+ is not followed: there is no such process/);
    expect(watch.said().match(/MAINPID=1 .*: that is no process of its own$/gm)).toHaveLength(1);
    expect(existsSync(`${rig.stateDir}/mail.1.successor`)).toBe(false);

    rig.configure({ mail: { command: fixture('hands-over'), ready: { after: '0s' } } });
    watch.send('SIGHUP');
    await watch.says(/the config was read again/);
    upgrade(rig, pid);
    await watch.says(/is not followed: the worker has no ready: \{notify: true\}/);
    expect(readOr(`${rig.stateDir}/mail.1.successor`, 'none')).toBe('none');
  },
);
