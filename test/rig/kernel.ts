// What the kernel says, read independently: tests must not trust the code that they test.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { readOr } from './files.ts';
import { until } from './wait.ts';

/** A process as /proc shows it. */
export interface Seen {
  readonly pid: number;
  readonly state: string;
  readonly parent: number;
  readonly session: number;
  readonly tty: number;
  readonly nice: number;
  /** Clock ticks since boot. */
  readonly startTime: number;
  /** Threads that have not ended, and the first one. */
  readonly threads: number;
}

/** The process with this pid, zombies too; undefined if there is none. Fields are counted from the last `)`. */
export function look(pid: number): Seen | undefined {
  const stat = readOr(`/proc/${pid}/stat`, '');
  if (stat === '') return undefined;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const field = (number: number): number => Number(fields[number - 3]);
  return {
    pid,
    state: fields[0] ?? '?',
    parent: field(4),
    session: field(6),
    tty: field(7),
    nice: field(19),
    threads: field(20),
    startTime: field(22),
  };
}

/** The process with this pid, unless it is gone or a zombie. */
export function processAt(pid: number): Seen | undefined {
  const seen = look(pid);
  return seen !== undefined && lives(seen) ? seen : undefined;
}

/** A process whose first thread has ended before the others looks like a zombie, but lives and holds its files. */
const lives = ({ state, threads }: Seen): boolean => !['Z', 'X'].includes(state) || threads > 1;

/** Whether a process has this pid and is not a zombie. */
export const isAlive = (pid: number): boolean => processAt(pid) !== undefined;

/** Whether this very process lives, and not another one that has its pid now. */
export const isStillThere = ({ pid, startTime }: Pick<Seen, 'pid' | 'startTime'>): boolean =>
  processAt(pid)?.startTime === startTime;

/** The state of a process: `S`, `T` and the like. */
export const stateOf = (pid: number): string | undefined => look(pid)?.state;

/** The strings of a file of /proc/PID; none if the process is gone. */
export function strings(pid: number, file: 'environ' | 'cmdline'): string[] {
  const text = readOr(`/proc/${pid}/${file}`, '');
  return text === '' ? [] : text.split('\0');
}

/** The environment that a process was started with. */
export const environmentOf = (pid: number): Record<string, string> =>
  Object.fromEntries(
    strings(pid, 'environ')
      .filter(Boolean)
      .map((entry): [string, string] => {
        const at = entry.indexOf('=');
        return [entry.slice(0, at), entry.slice(at + 1)];
      }),
  );

/** What each open fd of a process is. */
export function openFiles(pid: number): Map<number, string> {
  const folder = `/proc/${pid}/fd`;
  return new Map(readdirSync(folder).map((fd) => [Number(fd), readLinkOr(`${folder}/${fd}`)]));
}

export function readLinkOr(path: string, otherwise = ''): string {
  try {
    return readlinkSync(path);
  } catch {
    return otherwise;
  }
}

export const allPids = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

/** The ids of the threads that a process has. */
export function threadsOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    return []; // it is gone
  }
}

/** The instance whose main process this is, by the marker in its environment. Its children have another pid. */
export function markedInstance(pid: number, stateDir: string): string | undefined {
  const environment = environmentOf(pid);
  return environment['WORKERCTL_PID'] === String(pid) &&
    environment['WORKERCTL_STATE_DIR'] === stateDir
    ? environment['WORKERCTL_INSTANCE']
    : undefined;
}

/** The living main processes of an instance, according to the kernel alone. */
export const processesOf = (stateDir: string, instance: string): number[] =>
  allPids().filter((pid) => markedInstance(pid, stateDir) === instance && isAlive(pid));

export const bootId = (): string =>
  readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();

/** Sends a signal to a process, if it is there. */
export function signal(pid: number, name: NodeJS.Signals = 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Ends one process and waits until the kernel has no more of it than a zombie. */
export async function endProcess(pid: number, name: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  signal(pid, name);
  await until(`the end of pid ${pid}`, () => !isAlive(pid));
}
