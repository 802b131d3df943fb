import { fine, problem, warning, type Findings } from '../../core/views/finding.ts';
import { readOrEmpty } from '../../host/files/read-or-empty.ts';
import { mountOf } from '../../host/process/process-table.ts';
import { currentBootId, readProcess } from '../../host/process/process-table.ts';

/** Whether the kernel shows what the identity of a process is made of: start times, boot id, other processes. */
export function kernelFindings(): Findings {
  return [identityFinding(), visibilityFinding(), clockFinding()];
}

function identityFinding(): Findings {
  const about = '/proc';
  const startTime = readProcess(process.pid)?.startTime ?? 0;
  if (startTime > 0 && bootId() !== '') return fine(about, 'shows start times and the boot id');
  return problem(about, startTime > 0 ? 'no boot id' : 'no start time of this process', [
    'without them a reused pid would be taken for a worker',
    'mount /proc; on kernels without it (gVisor and the like) workerctl cannot be used',
  ]);
}

function bootId(): string {
  try {
    return currentBootId();
  } catch {
    return '';
  }
}

function visibilityFinding(): Findings {
  const hidden = mountOf('/proc')?.options.find((one) => /^hidepid=(?!0$|off$)/.test(one));
  if (hidden === undefined || process.geteuid?.() === 0) return [];
  return warning('/proc', `is mounted with ${hidden}: processes of other users are invisible`, [
    'a worker that has changed its user looks dead, and is started a second time',
    'run workerctl as the user who owns the workers, or mount /proc without hidepid',
  ]);
}

/** In a time namespace start times count from another moment than outside. Source: time_namespaces(7). */
function clockFinding(): Findings {
  const offset = /^boottime\s+(-?\d+)\s+(-?\d+)/m.exec(readOrEmpty('/proc/self/timens_offsets'));
  if (offset === null || (Number(offset[1]) === 0 && Number(offset[2]) === 0)) return [];
  return warning(
    'clock',
    `this is a time namespace, ${String(offset[1])} s away from the clock of the host`,
    [
      'commands outside of it see other start times, and take living workers for dead',
      'run all workerctl commands of this state directory in the same container',
    ],
  );
}
