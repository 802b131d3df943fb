import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';

// What the kernel says, read anew here: tests must not believe the code that they test.

/** A process as /proc shows it. */
export interface Seen {
  readonly pid: number;
  readonly state: string;
  readonly parent: number;
  readonly session: number;
  /** Clock ticks since boot. */
  readonly startTime: number;
  /** Those that have not ended, and the first. */
  readonly threads: number;
}

/** The process with this pid, zombies too; undefined when there is none. */
export function look(pid: number): Seen | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return {
      pid,
      state: fields[0] ?? '?',
      parent: Number(fields[1]),
      session: Number(fields[3]),
      startTime: Number(fields[19]),
      threads: Number(fields[17]),
    };
  } catch {
    return undefined;
  }
}

/** Whether a process is there and no zombie. One whose first thread has ended before the others is none, and holds its files. */
export function isAlive(pid: number): boolean {
  const seen = look(pid);
  return seen !== undefined && (!['Z', 'X'].includes(seen.state) || seen.threads > 1);
}

/** One of the files of /proc/PID, its strings apart; none when it is gone. */
export function strings(pid: number, file: 'environ' | 'cmdline'): string[] {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

export const allPids = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

/** The instance whose main process this is, by the marker in its environment. */
export function markedInstance(pid: number, stateDir: string): string | undefined {
  const environment = strings(pid, 'environ');
  const isOurs =
    environment.includes(`WORKERCTL_PID=${pid}`) &&
    environment.includes(`WORKERCTL_STATE_DIR=${stateDir}`);
  if (!isOurs) return undefined;
  return environment
    .find((entry) => entry.startsWith('WORKERCTL_INSTANCE='))
    ?.slice('WORKERCTL_INSTANCE='.length);
}

export const bootId = (): string =>
  readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();

export const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

/** Waits until `condition` gives something, and gives it back; fails with `what` when it never does. */
export async function until<T>(
  what: string,
  condition: () => T | undefined | false | '' | 0,
  limitMs = 15_000,
): Promise<T> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const found = condition();
    if (found !== undefined && found !== false && found !== '' && found !== 0) return found;
    if (performance.now() > deadline) throw new Error(`waited ${limitMs} ms in vain: ${what}`);
    await pause(5);
  }
}

/** Ends one process and waits until the kernel has no more of it than a zombie. */
export async function endProcess(pid: number, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  try {
    process.kill(pid, signal);
  } catch {
    return; // gone already
  }
  await until(`the end of pid ${pid}`, () => !isAlive(pid));
}

/** Ends every process whose arguments or environment name this folder, which nobody else knows. */
export async function endProcessesOf(folder: string): Promise<void> {
  const names = (pid: number): boolean =>
    pid !== process.pid &&
    isAlive(pid) &&
    [...strings(pid, 'cmdline'), ...strings(pid, 'environ')].some((text) => text.includes(folder));
  let quiet = 0; // one look may miss a child that was born during it
  await until(`the end of all processes of ${folder}`, () => {
    const left = allPids().filter(names);
    for (const pid of left) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // it was faster
      }
    }
    quiet = left.length === 0 ? quiet + 1 : 0;
    return quiet === 2;
  });
}

/** Deletes a folder in which somebody may still be making files: rmSync looks only once for what is in it. */
export async function removeFolder(path: string): Promise<void> {
  await until(`${path} to be gone`, () => {
    try {
      rmSync(path, { recursive: true, force: true });
    } catch {
      // a file was made in it meanwhile
    }
    return !existsSync(path);
  });
}
