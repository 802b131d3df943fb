// The worker `tells-its-work` and its steering wheel: files in the rig's directory.
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { linesOf } from './files.ts';
import { booted, type InstanceHandle } from './instance.ts';
import { fixture } from './programs.ts';
import type { Rig, WorkerKeys } from './rig.ts';
import { until } from './wait.ts';

/** A worker that is ready when it says so. Its limits are too long for any test to wait for them. */
export const tells: WorkerKeys = {
  command: fixture('tells-its-work'),
  ready: { log: '^ready to work$', timeout: '40s' },
  restart: { patience: '40s' },
};

/** Gives an instance a job of that name, and waits until its process works on it and says so. */
export async function giveJob(rig: Rig, instance: InstanceHandle, job: string): Promise<number> {
  const pid = await booted(instance);
  writeFileSync(rig.path(`${instance.name}.job.new`), `${job}\n`);
  renameSync(rig.path(`${instance.name}.job.new`), rig.path(`${instance.name}.job`));
  await until(`${instance.name} to work on ${job}`, () => existsSync(rig.path(`${pid}.busy`)));
  return pid;
}

/** Lets the process with this pid finish its job. */
export const finishJob = (rig: Rig, pid: number): void => {
  writeFileSync(rig.path(`${pid}.finish`), '');
};

/** Makes workers that are started from now on die, or not become ready until `letGo`. */
export const put = (rig: Rig, obstacle: 'broken' | 'slow'): void => {
  writeFileSync(rig.path(obstacle), '');
};

/** Lets the slow process with this pid become ready. */
export const letGo = (rig: Rig, pid: number): void => {
  writeFileSync(rig.path(`${pid}.go`), '');
};

/** The signals that an instance's processes have noted, in order: `USR1 5841`. */
export const signals = (rig: Rig, { name }: InstanceHandle): string[] =>
  linesOf(rig.path(`${name}.signals`));
