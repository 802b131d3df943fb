// A temporary folder with a config in it, the built CLI, and real processes. Each test has its own, so that tests run
// side by side, and every process that a test has started is ended with it, however the test went.
import { execa, type Options } from 'execa';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach } from 'vitest';

const launcher = fileURLToPath(new URL('../../bin/workerctl', import.meta.url));
const fixtures = fileURLToPath(new URL('../fixtures/workers', import.meta.url));

/** Whether tests that need another user, or the right to change priorities, can run. */
export const isRoot = process.getuid?.() === 0;

/** The path of a fixture program. */
export const fixture = (name: string): string => join(fixtures, name);

/** The keys of a worker as the config has them. */
export type WorkerKeys = Readonly<Record<string, unknown>>;

export type Workers = Readonly<Record<string, WorkerKeys>>;

export interface Rig {
  readonly folder: string;
  readonly stateDir: string;
  /** Runs the CLI in the folder; never throws because of its exit code. */
  readonly workerctl: (...args: readonly string[]) => Running;
  /** The same, with variables of its own. */
  readonly workerctlWith: (env: Variables, ...args: readonly string[]) => Running;
  /** Runs a shell script in the folder, in which `workerctl` is the CLI. */
  readonly shell: (script: string) => Running;
  /** Runs `workerctl start` with these arguments, which must succeed, and waits until the workers have booted. */
  readonly start: (...targets: readonly string[]) => Promise<void>;
  /** Writes the config anew. */
  readonly configure: (workers: Workers, top?: WorkerKeys) => void;
  /** Writes any text as the config. */
  readonly writeConfig: (text: string) => void;
  readonly instance: (name: string) => InstanceHandle;
  readonly path: (name: string) => string;
}

export type Running = ReturnType<typeof execute>;
type Variables = Readonly<Record<string, string>>;

/** What a test knows of one instance: from its files, from the kernel, and from what its program noted. */
export interface InstanceHandle {
  readonly name: string;
  /** The pid in its pidfile. */
  readonly pid: () => number | undefined;
  /** The process in its pidfile, while it lives. */
  readonly process: () => ProcessInfo | undefined;
  readonly record: () => Readonly<Record<string, unknown>>;
  /** All its living processes by the marker in /proc, whatever the files say. */
  readonly processes: () => number[];
  /** The pid of each process that it ever had, in order. */
  readonly boots: () => number[];
  /** The pid of the process that got it, for each TERM. */
  readonly terms: () => number[];
  /** The pid of the process that finished it, for each job. */
  readonly done: () => number[];
  /** Gives it a job and waits until it works on that. */
  readonly giveJob: () => Promise<void>;
  readonly finishJob: () => void;
  /** Waits until it was asked to leave. */
  readonly asked: () => Promise<void>;
  /** Waits until the process with this pid is gone, and until its end was written down. */
  readonly left: (pid: number) => Promise<void>;
  readonly log: () => string;
}

/** What the kernel says of a process that is there and no zombie. */
export interface ProcessInfo {
  readonly pid: number;
  /** In clock ticks since boot. */
  readonly startTime: number;
  readonly parent: number;
  readonly session: number;
  readonly tty: number;
  readonly nice: number;
}

const rigs = new Set<string>();

afterEach(async () => {
  for (const folder of rigs) {
    await endProcesses(folder);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    rigs.delete(folder);
  }
});

/** Makes the folder and its config; `top` are keys beside `workers`. */
export function createRig(workers: Workers = {}, top: WorkerKeys = {}): Rig {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'workerctl-e2e-')));
  rigs.add(folder);
  const stateDir = join(folder, '.workerctl');
  const program = join(folder, 'bin', 'workerctl');
  mkdirSync(dirname(program));
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${launcher}' "$@"\n`);
  chmodSync(program, 0o755);

  const run = (file: string, args: readonly string[], env: Variables = {}) =>
    execute(folder, env, file, args);
  const rig: Rig = {
    folder,
    stateDir,
    workerctl: (...args) => run(process.execPath, [launcher, ...args]),
    workerctlWith: (env, ...args) => run(process.execPath, [launcher, ...args], env),
    shell: (script) => run('/bin/sh', ['-c', script]),
    start: async (...targets) => {
      const { exitCode, all } = await rig.workerctl('start', '--json', ...targets);
      if (exitCode !== 0) throw new Error(`start ended with ${String(exitCode)}: ${all}`);
      for (const { kind, instance } of eventsIn(all))
        if (kind === 'started') await booted(rig.instance(instance));
    },
    configure: (changed, changedTop = top) => {
      rig.writeConfig(JSON.stringify(configOf(folder, changed, changedTop), undefined, 2));
    },
    writeConfig: (text) => {
      writeFileSync(join(folder, 'workerctl.yaml'), text);
    },
    instance: (name) => instanceHandle(folder, stateDir, name),
    path: (name) => join(folder, name),
  };
  if (Object.keys(workers).length > 0) rig.configure(workers);
  return rig;
}

/** Readiness is the topic of few tests only. */
const configOf = (folder: string, workers: Workers, top: WorkerKeys) => ({
  ...top,
  defaults: { ready: { after: '100ms' }, ...(top['defaults'] as WorkerKeys | undefined) },
  workers: Object.fromEntries(
    Object.entries(workers).map(([name, keys]) => [
      name,
      { ...keys, env: { RIG: folder, ...(keys['env'] as Variables | undefined) } },
    ]),
  ),
});

function instanceHandle(folder: string, stateDir: string, name: string): InstanceHandle {
  const steer = (kind: string): string => join(folder, `${name}.${kind}`);
  const noted = (kind: string): number[] =>
    readOr(steer(kind), '').split('\n').filter(Boolean).map(Number);
  const stateFile = (kind: string): string => join(stateDir, `${name}.${kind}`);
  const handle: InstanceHandle = {
    name,
    pid: () => Number(readOr(stateFile('pid'), '')) || undefined,
    process: () => {
      const pid = handle.pid();
      return pid === undefined ? undefined : processAt(pid);
    },
    record: () => JSON.parse(readFileSync(stateFile('json'), 'utf8')) as Record<string, unknown>,
    processes: () => processesOf(stateDir, name),
    boots: () => noted('boots'),
    terms: () => noted('terms'),
    done: () => noted('done'),
    giveJob: async () => {
      writeFileSync(steer('job'), '');
      await until(() => existsSync(steer('busy')), `${name} to work on its job`);
    },
    finishJob: () => {
      writeFileSync(steer('finish'), '');
    },
    asked: async () => {
      const sent = /"sent":true/;
      await until(() => sent.test(readOr(stateFile('stop'), '')), `${name} to be asked to leave`);
    },
    left: async (pid) => {
      await until(() => processAt(pid) === undefined, `pid ${pid} of ${name} to leave`);
      await until(() => existsSync(stateFile('exit')), `the end of ${name} to be written down`);
    },
    log: () => readOr(join(folder, 'log', `${name}.log`), ''),
  };
  return handle;
}

/** An event as `--json` prints it, beside what is only in events of its kind. */
export type EventJson = Readonly<{ kind: string; instance: string; at: string }> &
  Readonly<Record<string, unknown>>;

/** The events in what an acting command has printed with `--json`, in order. */
export const eventsIn = (text: string): EventJson[] =>
  linesIn(text).flatMap(({ event }) => event ?? []);

/** The last line of what an acting command has printed with `--json`, which says how it has ended. */
export function resultIn(text: string): Readonly<Record<string, unknown>> {
  const lines = linesIn(text);
  const result = lines.at(-1)?.result;
  if (result === undefined || lines.slice(0, -1).some((line) => line.result !== undefined))
    throw new Error(`expected one result, in the last line: ${text}`);
  return result;
}

interface LineJson {
  readonly schema: number;
  readonly event?: EventJson;
  readonly result?: Readonly<Record<string, unknown>>;
}

function linesIn(text: string): LineJson[] {
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as LineJson);
  if (lines.some(({ schema }) => schema !== 1)) throw new Error(`expected schema 1: ${text}`);
  return lines;
}

/** Waits until the program in the pidfile has noted its boot: its traps are set then. */
export async function booted(instance: InstanceHandle): Promise<number> {
  return until(() => {
    const pid = instance.pid();
    return pid !== undefined && instance.boots().includes(pid) ? pid : undefined;
  }, `${instance.name} to boot`);
}

/** Waits until the condition gives something other than `undefined` and `false`, and returns that. */
export async function until<T>(
  condition: () => T | Promise<T>,
  words: string,
  timeoutMs = 20_000,
): Promise<Exclude<T, undefined | false>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value as Exclude<T, undefined | false>;
    if (performance.now() > deadline)
      throw new Error(`waited ${timeoutMs} ms in vain for ${words}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Holds the pass lock with flock(1) for as long as the test likes. */
export async function holdPassLock(rig: Rig): Promise<() => Promise<void>> {
  const holding = rig.shell(
    'exec 9>>.workerctl/pass.lock && flock 9 && echo >held && exec sleep 1000',
  );
  await until(() => readOr(rig.path('held'), '') !== '', 'flock(1) to hold the pass lock');
  return async () => {
    holding.kill('SIGKILL');
    await holding;
  };
}

/** The process with this pid, unless it is gone or a zombie. Fields count from the last `)`. */
export function processAt(pid: number): ProcessInfo | undefined {
  const stat = readOr(`/proc/${pid}/stat`, '');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (stat === '' || fields[0] === 'Z' || fields[0] === 'X') return undefined;
  const field = (number: number): number => Number(fields[number - 3]);
  return {
    pid,
    parent: field(4),
    session: field(6),
    tty: field(7),
    nice: field(19),
    startTime: field(22),
  };
}

/** Whether that very process lives, and not another one that has its pid now. */
export const isAlive = ({ pid, startTime }: { pid: number; startTime: number }): boolean =>
  processAt(pid)?.startTime === startTime;

/** The state of a process: `S`, `T` and the like. */
export const stateOf = (pid: number): string | undefined =>
  /^State:\s+(\S)/m.exec(readOr(`/proc/${pid}/status`, ''))?.[1];

/** The environment that a process was started with. */
export function environmentOf(pid: number): Record<string, string> {
  const entries = readOr(`/proc/${pid}/environ`, '').split('\0').filter(Boolean);
  return Object.fromEntries(
    entries.map((entry): [string, string] => {
      const at = entry.indexOf('=');
      return [entry.slice(0, at), entry.slice(at + 1)];
    }),
  );
}

/** What each open fd of a process is. */
export function openFiles(pid: number): Map<number, string> {
  const folder = `/proc/${pid}/fd`;
  return new Map(readdirSync(folder).map((fd) => [Number(fd), readLinkOr(join(folder, fd))]));
}

/** The text of a file, or `otherwise` where it cannot be read. */
export function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return otherwise;
  }
}

const listPids = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

/** The main processes of an instance, counted by the kernel's word alone: children do not bear their own pid as marker. */
function processesOf(stateDir: string, instance: string): number[] {
  return listPids().filter((pid) => {
    const environment = environmentOf(pid);
    return (
      environment['WORKERCTL_INSTANCE'] === instance &&
      environment['WORKERCTL_PID'] === String(pid) &&
      environment['WORKERCTL_STATE_DIR'] === stateDir &&
      processAt(pid) !== undefined
    );
  });
}

/** Nothing of the test run's own environment reaches the CLI but what every shell has. */
function execute(folder: string, env: Variables, file: string, args: readonly string[]) {
  const { PATH = '/usr/bin:/bin', HOME = '/', USER = '', LOGNAME = '' } = process.env;
  const base = { PATH: `${join(folder, 'bin')}:${PATH}`, HOME, USER, LOGNAME, LANG: 'C.UTF-8' };
  const options = {
    cwd: folder,
    env: { ...base, RIG: folder, ...env },
    extendEnv: false,
    stdin: 'ignore',
    all: true,
    reject: false,
    timeout: 50_000,
    killSignal: 'SIGKILL',
  } as const satisfies Options;
  return execa(file, args, options);
}

/** Ends whatever works in the folder or bears its name, shims and commands too. */
async function endProcesses(folder: string): Promise<void> {
  await until(() => {
    const pids = listPids().filter((pid) => pid !== process.pid && belongsTo(folder, pid));
    for (const pid of pids) kill(pid);
    return pids.length === 0;
  }, `the processes of ${folder} to be gone`);
}

function belongsTo(folder: string, pid: number): boolean {
  if (processAt(pid) === undefined) return false;
  const environment = environmentOf(pid);
  const { RIG, WORKERCTL_STATE_DIR = '' } = environment;
  return [RIG, WORKERCTL_STATE_DIR, readLinkOr(`/proc/${pid}/cwd`)].some(
    (path) => path === folder || path?.startsWith(`${folder}/`),
  );
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function readLinkOr(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
