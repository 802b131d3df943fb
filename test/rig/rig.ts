// A temporary directory with a config in it, the built CLI, and real processes. Each test has its own, so that tests run
// side by side, and every process that a test has started is ended with it, however the test went.
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, expect } from 'vitest';
import { readOr } from './files.ts';
import { endFolder, makeDirectory } from './folder.ts';
import { booted, instanceHandle, type InstanceHandle } from './instance.ts';
import { journalOf, type Entry } from './journal.ts';
import { actedOf, type Acted, type EventJson, type EventKind, type StatusJson } from './output.ts';
import { launcher, runProgram, type Running, type Variables } from './programs.ts';
import { validate } from './schemas.ts';
import { until } from './wait.ts';

/** The keys of a worker as the config has them. */
export type WorkerKeys = Readonly<Record<string, unknown>>;

export type Workers = Readonly<Record<string, WorkerKeys>>;

export interface Rig {
  readonly folder: string;
  readonly stateDir: string;
  /** Runs the CLI in the directory; never throws because of its exit code. */
  readonly workerctl: (...args: readonly string[]) => Running;
  /** The same, with variables of its own. */
  readonly workerctlWith: (env: Variables, ...args: readonly string[]) => Running;
  /** Runs an acting command with `--json`, and reads what it has printed. */
  readonly act: (...args: readonly string[]) => Promise<Acted>;
  /** Runs a shell script in the directory, in which `workerctl` is the CLI. */
  readonly shell: (script: string) => Running;
  /** Runs `workerctl start` with these arguments, which must succeed, and waits until the workers are up. */
  readonly start: (...targets: readonly string[]) => Promise<void>;
  /** Writes the config again. */
  readonly configure: (workers: Workers, top?: WorkerKeys) => void;
  /** Writes any text as the config. */
  readonly writeConfig: (text: string) => void;
  readonly instance: (name: string) => InstanceHandle;
  /** The lines of the journal of these kinds, or all, in order. */
  readonly journal: (...kinds: readonly EventKind[]) => readonly Entry[];
  readonly path: (name: string) => string;
}

const folders = new Set<string>();

afterEach(async () => {
  for (const folder of folders) {
    await endFolder(folder);
    folders.delete(folder);
  }
});

/** Makes the directory and its config; `top` are keys beside `workers`. */
export function createRig(workers: Workers = {}, top: WorkerKeys = {}): Rig {
  const folder = makeDirectory();
  folders.add(folder);
  const stateDir = join(folder, '.workerctl');
  const program = join(folder, 'bin', 'workerctl');
  mkdirSync(dirname(program));
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${launcher}' "$@"\n`);
  chmodSync(program, 0o755);

  const PATH = `${join(folder, 'bin')}:${process.env['PATH'] ?? '/usr/bin:/bin'}`;
  const run = (file: string, args: readonly string[], env: Variables = {}) =>
    runProgram(folder, { PATH, RIG: folder, ...env }, file, args);
  const rig: Rig = {
    folder,
    stateDir,
    workerctl: (...args) => run(process.execPath, [launcher, ...args]),
    workerctlWith: (env, ...args) => run(process.execPath, [launcher, ...args], env),
    act: async (...args) => actedOf(await rig.workerctl(...args, '--json')),
    shell: (script) => run('/bin/sh', ['-c', script]),
    start: async (...targets) => {
      const { exitCode, all, of } = await rig.act('start', ...targets);
      if (exitCode !== 0) throw new Error(`start ended with ${String(exitCode)}: ${all}`);
      for (const { instance } of of('started')) await booted(rig.instance(instance));
    },
    configure: (changed, changedTop = top) => {
      rig.writeConfig(JSON.stringify(configOf(folder, changed, changedTop), undefined, 2));
    },
    writeConfig: (text) => {
      writeFileSync(join(folder, 'workerctl.yaml'), text);
    },
    instance: (name) => instanceHandle(folder, stateDir, name),
    journal: (...kinds) => journalOf(stateDir, kinds),
    path: (name) => join(folder, name),
  };
  if (Object.keys(workers).length > 0) rig.configure(workers);
  return rig;
}

/**
 * Readiness is the topic of few tests only: elsewhere a process is ready as soon as it exists, on a slow machine too. And what
 * is left to bootcheck, no other process must do before.
 */
const configOf = (folder: string, workers: Workers, top: WorkerKeys) => ({
  ...top,
  defaults: {
    ready: { after: '0s' },
    ...(top['defaults'] as WorkerKeys | undefined),
    restart: { finisher: false, ...(top['defaults'] as { restart?: object } | undefined)?.restart },
  },
  workers: Object.fromEntries(
    Object.entries(workers).map(([name, keys]) => [
      name,
      { ...keys, env: { RIG: folder, ...(keys['env'] as Variables | undefined) } },
    ]),
  ),
});

export async function statusOf(rig: Rig, ...targets: readonly string[]): Promise<StatusJson> {
  const { stdout } = await rig.workerctl('status', '--json', ...targets);
  const status = JSON.parse(stdout) as StatusJson;
  validate(status);
  return status;
}

/** The state of each instance: `mail.1 ready`. */
export const statesOf = async (rig: Rig, ...targets: readonly string[]): Promise<string[]> =>
  (await statusOf(rig, ...targets)).instances.map(({ instance, state }) => `${instance} ${state}`);

/** Removes state.json, and its copy first: from that alone a pass would write both again. */
export function removeState({ stateDir }: Rig): void {
  for (const name of ['state.copy', 'state.json']) rmSync(`${stateDir}/${name}`, { force: true });
}

/** Holds the pass lock with flock(1) until the function that it returns is called. */
export async function holdPassLock(rig: Rig): Promise<() => Promise<void>> {
  const holding = rig.shell(
    'exec 9>>.workerctl/pass.lock && flock 9 && echo >held && exec sleep 1000',
  );
  await until('flock(1) to hold the pass lock', () => existsSync(rig.path('held')));
  return async () => {
    holding.kill('SIGKILL');
    await holding;
  };
}

/** Whether a pass holds the pass lock, by what it has written there. */
export const holdsPassLock = ({ stateDir }: Rig, pid: number | undefined): boolean =>
  readOr(`${stateDir}/pass.lock`, '').includes(`"pid":${String(pid)},`);

/**
 * Runs bootcheck, which must succeed, as soon as no other pass is at work: it waits for none.
 * @returns what it has done; its reports of deaths are the topic of deaths.test.ts
 */
export async function bootcheck(rig: Rig): Promise<readonly EventJson[]> {
  const { exitCode, all, events } = await unlocked(() => rig.act('bootcheck'));
  expect(exitCode, all).toBe(0);
  return events.filter(({ kind }) => kind !== 'died' && kind !== 'job_lost');
}

/** Runs bootcheck, which must have nothing to do and nothing to say. */
export async function expectQuiet(rig: Rig, message = ''): Promise<void> {
  const ended = await unlocked(() => rig.workerctl('bootcheck'));
  expect(ended, message).toMatchObject({ exitCode: 0, all: '' });
}

/** Runs a command that waits for no other pass until none is at work. */
const unlocked = <T extends { readonly exitCode?: number | undefined }>(
  run: () => PromiseLike<T>,
): Promise<T> =>
  until('the pass lock to be free', async () => {
    const ended = await run();
    return ended.exitCode !== 75 && ended;
  });
