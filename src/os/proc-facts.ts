import { readFileSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { groupPathIn } from '../core/cgroup.ts';
import { mountAt, parseMounts, type Mount } from '../core/mounts.ts';

/** The text of a file of /proc or /sys; empty when it cannot be read. */
export function procText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** The mount that a path lies on, or will lie on when it is made. */
export function mountOf(path: string): Mount | undefined {
  return mountAt(parseMounts(procText('/proc/self/mountinfo')), nearestReal(path));
}

/** The real path of the nearest folder that is there. */
function nearestReal(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const above = dirname(path);
    return above === path ? path : nearestReal(above);
  }
}

/** The group that systemd, or whoever plays its part, keeps a process in. `/` when that is not known. */
export const groupOf = (pid: number): string => groupPathIn(procText(`/proc/${pid}/cgroup`));

/** A limit of this process. Infinity: there is none. Source: proc_pid_limits(5). */
export function limitOf(name: 'Max open files' | 'Max processes'): { soft: number; hard: number } {
  const match = new RegExp(`^${name}\\s+(\\S+)\\s+(\\S+)`, 'm').exec(procText('/proc/self/limits'));
  const numberOf = (text: string | undefined): number =>
    text === undefined || text === 'unlimited' ? Infinity : Number(text);
  return { soft: numberOf(match?.[1]), hard: numberOf(match?.[2]) };
}

/** The real user of a process. */
export const userOf = (pid: number): number | undefined => {
  const [, user] = /^Uid:\s+(\d+)/m.exec(procText(`/proc/${pid}/status`)) ?? [];
  return user === undefined ? undefined : Number(user);
};
