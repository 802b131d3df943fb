import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { linesOf, readOr } from './files.ts';
import { isAlive, processAt, processesOf, strings, type Seen } from './kernel.ts';
import { until } from './wait.ts';

/** What a test knows of one instance: from its files, from the kernel, and from what its program has noted. */
export interface InstanceHandle {
  readonly name: string;
  /** The pid in its pidfile. */
  readonly pid: () => number | undefined;
  /** The process in its pidfile, while it lives. */
  readonly process: () => Seen | undefined;
  readonly record: () => Readonly<Record<string, unknown>>;
  /** All its living processes, found by the marker in /proc alone. */
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
  /** Waits until it was asked to stop. */
  readonly asked: () => Promise<void>;
  /** Waits until the process with this pid is gone, and until its end was recorded. */
  readonly left: (pid: number) => Promise<void>;
  readonly log: () => string;
}

/** Whether a process is about to become the worker that its record names. Between two programs it has no arguments. */
const isShim = (words: readonly string[]): boolean =>
  words.length === 0 || words.some((word) => word.endsWith('/shim.sh'));

/** Whether it is a script that notes its pid in `.boots`. */
const notesItsStart = (words: readonly string[]): boolean =>
  words.some((word) => noting.test(word) || word.includes('.boots'));

const noting = /^\S*\/fixtures\/workers\/(?!dies-if-broken$|forks-away$|writes-to-log$)[\w-]+$/;

/**
 * Blocks the test until a condition holds, which takes milliseconds. A command has done its part when a
 * process is recorded: its program begins a moment later.
 */
function blockUntil(condition: () => boolean): void {
  const deadline = performance.now() + blockedMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('a recorded process has not begun in 10 s');
    Atomics.wait(never, 0, 0, 5);
  }
}

const blockedMs = 10_000;
const never = new Int32Array(new SharedArrayBuffer(4));

export function instanceHandle(folder: string, stateDir: string, name: string): InstanceHandle {
  const steer = (kind: string): string => join(folder, `${name}.${kind}`);
  const noted = (kind: string): number[] => linesOf(steer(kind)).map(Number);
  const stateFile = (kind: string): string => join(stateDir, `${name}.${kind}`);
  /** Blocks until the words of the process in its record are not these, unless it is the command of a program that daemonizes. */
  const blockWhile = (isNotYet: (words: readonly string[], pid: number) => boolean): void => {
    blockUntil(() => {
      const record = readOr(stateFile('json'), '');
      const pid = Number(/"pid":(\d+)/.exec(record)?.[1] ?? 0);
      if (record.includes('"launch_') || !isAlive(pid)) return true;
      return !isNotYet(strings(pid, 'cmdline'), pid);
    });
  };
  const handle: InstanceHandle = {
    name,
    pid: () => Number(readOr(stateFile('pid'), '')) || undefined,
    process: () => processAt(handle.pid() ?? 0),
    record: () => JSON.parse(readFileSync(stateFile('json'), 'utf8')) as Record<string, unknown>,
    processes: () => {
      blockWhile(isShim);
      return processesOf(stateDir, name);
    },
    boots: () => {
      blockWhile(
        (words, pid) => !noted('boots').includes(pid) && (isShim(words) || notesItsStart(words)),
      );
      return noted('boots');
    },
    terms: () => noted('terms'),
    done: () => noted('done'),
    giveJob: async () => {
      writeFileSync(steer('job'), '');
      await until(`${name} to work on its job`, () => existsSync(steer('busy')));
    },
    finishJob: () => {
      writeFileSync(steer('finish'), '');
    },
    asked: async () => {
      const sent = /"sent":true/;
      await until(`${name} to be asked to stop`, () => sent.test(readOr(stateFile('stop'), '')));
    },
    left: async (pid) => {
      await until(`the end of pid ${pid} of ${name}`, () => !isAlive(pid));
      await until(`the end of ${name} to be written down`, () => existsSync(stateFile('exit')));
    },
    log: () => readOr(join(folder, 'log', `${name}.log`), ''),
  };
  return handle;
}

/** Waits until the program in the pidfile has noted its start: its traps are set then. */
export const booted = (instance: InstanceHandle): Promise<number> =>
  until(`${instance.name} to start`, () => {
    const pid = instance.pid();
    return pid !== undefined && instance.boots().includes(pid) && pid;
  });

/** Waits until a process other than this one has started in its place. */
export const successor = (instance: InstanceHandle, old: number): Promise<number> =>
  until(`a successor of pid ${old} of ${instance.name}`, () => {
    const pid = instance.pid();
    return pid !== undefined && pid !== old && instance.boots().includes(pid) && pid;
  });

/** Waits until the process with this pid has noted its TERM. */
export const termed = (instance: InstanceHandle, pid: number): Promise<true> =>
  until(`pid ${pid} of ${instance.name} to get its TERM`, () => instance.terms().includes(pid));

/** Kills the process of an instance, unasked, and waits until its end was recorded. */
export async function killed(instance: InstanceHandle): Promise<number> {
  const pid = await booted(instance);
  process.kill(pid, 'SIGKILL');
  await instance.left(pid);
  return pid;
}
