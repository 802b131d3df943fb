import { constants, openSync, readSync } from 'node:fs';
import { errnoOf } from '../files/errno.ts';
import { once } from '../files/once.ts';
import { readOrEmpty } from '../files/read-or-empty.ts';

/**
 * How often the kernel has killed a process of our memory cgroup because it was out of memory, and the file that counts this:
 * `3 /sys/fs/cgroup/app.slice/memory.events`. The shims that we start are in the same cgroup. Empty if there is no counter.
 * Source: cgroups(7), the kernel's admin-guide/cgroup-v2 (memory.events) and cgroup-v1/memory (memory.oom_control).
 */
export function memoryKills(): string {
  const path = counterPath();
  if (path === '') return '';
  const count = /^oom_kill (\d+)$/m.exec(readOrEmpty(path))?.[1];
  return count === undefined ? '' : `${count} ${path}`;
}

const counterPath = once(() => {
  const lines = readOrEmpty('/proc/self/cgroup').split('\n');
  const ofVersion1 = lines.find((line) => /^\d+:(?:\w+,)*memory(?:,|:)/.test(line));
  if (ofVersion1 !== undefined)
    return `/sys/fs/cgroup/memory${pathIn(ofVersion1)}/memory.oom_control`;
  const unified = lines.find((line) => line.startsWith('0::'));
  return unified === undefined ? '' : `/sys/fs/cgroup${pathIn(unified)}/memory.events`;
});

const pathIn = (line: string): string => line.split(':').slice(2).join(':').replace(/\/$/, '');

/** What we need of a record of the kernel's log is shorter than this. */
const recordBytes = 8192;

/** The log holds some thousands. */
const maxRecords = 100_000;

interface Log {
  readonly fd: number;
  /** When each pid was last killed, in milliseconds since boot. */
  readonly kills: Map<number, number>;
}

const openLog = once((): Log | undefined => {
  try {
    const flags = constants.O_RDONLY | constants.O_NONBLOCK;
    return { fd: openSync('/dev/kmsg', flags), kills: new Map() };
  } catch {
    return undefined; // usually only root may read it
  }
});

/**
 * Whether the kernel's log says that this process, started `startedMs` after boot, was killed because memory ran out;
 * undefined if we may not read the log. Each call reads on where the last one ended. Source: the kernel's ABI/testing/dev-kmsg.
 */
export function saysKilledForMemory(pid: number, startedMs: number): boolean | undefined {
  const log = openLog();
  if (log === undefined || !readOn(log)) return undefined;
  const at = log.kills.get(pid);
  return at !== undefined && at >= startedMs - tickMs;
}

/** Start times are in ticks. */
const tickMs = 10;

/** Reads all new records, one with each read(2). Returns whether the log can be read at all. */
function readOn({ fd, kills }: Log): boolean {
  const bytes = Buffer.alloc(recordBytes);
  for (let count = 0; count < maxRecords; count += 1) {
    try {
      const length = readSync(fd, bytes, 0, recordBytes, null);
      if (length === 0) return true;
      note(bytes.toString('latin1', 0, length), kills);
    } catch (error) {
      if (errnoOf(error) === 'EAGAIN') return true;
      if (errnoOf(error) !== 'EPIPE') return false; // EPIPE: some were overwritten before we read them
    }
  }
  return true;
}

/** `6,339,5140900,-;Memory cgroup out of memory: Killed process 4711 (ruby) total-vm:…` */
const killPattern = /^\d+,\d+,(\d+),[^;]*;.*[Oo]ut of memory.*: Kill(?:ed)? process (\d+)/;

function note(record: string, kills: Map<number, number>): void {
  const [, micros, pid] = killPattern.exec(record) ?? [];
  if (pid !== undefined) kills.set(Number(pid), Number(micros) / 1000);
}
