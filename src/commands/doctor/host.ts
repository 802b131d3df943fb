import { fine, orFine, problem, warning, type Findings } from '../../core/views/finding.ts';
import { readOrEmpty } from '../../host/files/read-or-empty.ts';
import { currentBootId, mountOf, readProcess } from '../../host/process/process-table.ts';
import { getPriority } from 'node:os';
import { workerPath } from '../../core/model/launch.ts';
import { programAt } from '../../host/process/find-program.ts';
import type { Examination } from './examination.ts';

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

/** What the shim runs. Its PATH is the same for all callers. */
const ofShim = ['sh', 'setsid', 'mv', 'mkdir', 'rm'];

/** The oldest Node that workerctl supports. */
const oldest = [20, 19] as const;

/** Whether the programs that start workers exist, and whether Node is new enough. `find` looks for a program. */
export function programFindings(
  { config }: Pick<Examination, 'config'>,
  find: (name: string) => string | undefined = (name) => programAt(name, workerPath),
): Findings {
  const needsNice = config.workers.some(({ nice }) => nice !== getPriority());
  const missing = [...ofShim, ...(needsNice ? ['nice'] : [])].filter(
    (name) => find(name) === undefined,
  );
  const { node } = process.versions;
  return orFine(
    [nodeFindings(node), missing.map(notFound), find('mkfifo') === undefined ? noTrigger : []],
    'programs',
    `Node ${node}, and all that a start needs`,
  );
}

const notFound = (name: string): Findings =>
  problem('programs', `${name} is not found in ${workerPath}`, [
    'no worker can be started',
    name === 'setsid' ? 'install util-linux' : 'install coreutils',
  ]);

const noTrigger = warning('programs', `mkfifo is not found in ${workerPath}`, [
  'workerctl watch cannot create its trigger, and does not start',
  'install coreutils',
]);

/** Whether Node is new enough; `version` is that of `process.versions.node`. */
export function nodeFindings(version: string): Findings {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isNew = major > oldest[0] || (major === oldest[0] && minor >= oldest[1]);
  if (isNew) return [];
  return warning('Node', `version ${version}`, [
    'workerctl is not tested with it',
    `install Node ${oldest.join('.')} or later`,
  ]);
}
