import { msPerTick } from '../../core/model/process.ts';
import { readOrEmpty } from '../files/read-or-empty.ts';

/** User and system time of a process and of its children that have exited: fields 14 to 17. Source: proc_pid_stat(5). */
const timeFields = /^\) \S (?:[\d-]+ ){10}(\d+) (\d+) (\d+) (\d+) /;

/** How much time of a core a process has used, in ms, with its exited children; 0 if it is gone. */
export function cpuTimeOf(pid: number): number {
  const stat = readOrEmpty(`/proc/${pid}/stat`);
  const fields = timeFields.exec(stat.slice(stat.lastIndexOf(')')));
  const ticks = fields?.slice(1).reduce((sum, each) => sum + Number(each), 0) ?? 0;
  return ticks * msPerTick;
}
