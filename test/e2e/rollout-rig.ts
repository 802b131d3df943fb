// What the tests of restarts and the like need beside the rig: the program that tells its work, and its steering wheel.
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import {
  booted,
  fixture,
  readOr,
  until,
  type EventJson,
  type InstanceHandle,
  type Rig,
  type WorkerKeys,
} from './rig.ts';

/** A worker that is ready when it says so; no test waits for its limits. */
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
  await until(() => existsSync(rig.path(`${pid}.busy`)), `${instance.name} to work on ${job}`);
  return pid;
}

/** Lets the process with this pid finish its job. */
export const finishJob = (rig: Rig, pid: number): void => {
  writeFileSync(rig.path(`${pid}.finish`), '');
};

/** What is in the way of the workers that are started from now on: they die, or are not ready until `letGo`. */
export const put = (rig: Rig, obstacle: 'broken' | 'slow'): void => {
  writeFileSync(rig.path(obstacle), '');
};

/** Lets the slow process with this pid become ready. */
export const letGo = (rig: Rig, pid: number): void => {
  writeFileSync(rig.path(`${pid}.go`), '');
};

/** Waits until another process than this one has booted in the instance's place. */
export const successor = (instance: InstanceHandle, old: number): Promise<number> =>
  until(() => {
    const pid = instance.pid();
    return pid !== undefined && pid !== old && instance.boots().includes(pid) ? pid : undefined;
  }, `${instance.name} to be replaced`);

/** Waits until the process with this pid has noted its TERM. */
export const termed = (instance: InstanceHandle, pid: number): Promise<true> =>
  until(() => instance.terms().includes(pid), `pid ${pid} of ${instance.name} to get its TERM`);

/** The signals that an instance's processes have noted, in order: `USR1 5841`. */
export const signals = (rig: Rig, { name }: InstanceHandle): string[] =>
  readOr(rig.path(`${name}.signals`), '')
    .split('\n')
    .filter(Boolean);

/** What happened, in order: `asked mail.1`. */
export const story = (
  events: readonly EventJson[],
  ...kinds: readonly string[]
): readonly string[] =>
  events
    .filter(({ kind }) => kinds.includes(kind))
    .map(({ kind, instance }) => `${kind} ${instance}`);

/** How many instances were down for a restart's sake at once, at most, as its events tell. */
export function mostDown(events: readonly EventJson[]): number {
  let down = 0;
  let most = 0;
  for (const { kind } of events) {
    if (kind === 'asked') down += 1;
    if (kind === 'ready') down -= 1;
    most = Math.max(most, down);
  }
  return most;
}

/** What `status --json` prints. */
export interface StatusJson {
  readonly wanted: number;
  readonly up: number;
  readonly ready: number;
  readonly ok: boolean;
  readonly instances: readonly {
    readonly name: string;
    readonly state: string;
    readonly pid: number | null;
    readonly release: string | null;
    readonly outdated: boolean;
    readonly activity: { readonly state: string; readonly job: string | null } | null;
    readonly detail: string;
  }[];
  readonly releases: Readonly<Record<string, string>>;
  readonly rollouts: readonly { readonly id: string; readonly aborted: string | null }[];
}

export async function statusOf(rig: Rig): Promise<StatusJson> {
  const { stdout } = await rig.workerctl('status', '--json');
  return JSON.parse(stdout) as StatusJson;
}

/** The state of each instance: `mail.1 ready`. */
export const statesOf = async (rig: Rig): Promise<string[]> =>
  (await statusOf(rig)).instances.map(({ name, state }) => `${name} ${state}`);

/** Whatever a command that goes on has printed so far. */
export function heard(running: { readonly stdout: NodeJS.ReadableStream | null }): () => string {
  let text = '';
  running.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return () => text;
}
