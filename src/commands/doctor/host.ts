import { fine, orFine, problem, warning, type Findings } from '../../core/views/finding.ts';
import { readOrEmpty } from '../../host/files/read-or-empty.ts';
import { currentBootId, mountOf, readProcess } from '../../host/process/process-table.ts';
import { getPriority } from 'node:os';
import type { Worker } from '../../core/model/config.ts';
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

/** A program that something needs: which, of which package, and what cannot be done without it. */
interface Need {
  readonly names: readonly string[];
  readonly from: string;
  readonly without: string;
  /** Nothing else depends on it. */
  readonly isMinor?: true;
  /** Whether this config has a use for it; always if left out. */
  readonly by?: (worker: Worker) => boolean;
}

/** The shim and its helpers have the same PATH for all callers. docs/containers.md has the same table. */
const needs: readonly Need[] = [
  {
    names: ['sh'],
    from: 'dash',
    without: 'no worker can be started',
  },
  {
    names: ['mv', 'mkdir', 'rm'],
    from: 'coreutils',
    without:
      'the pidfile of a worker that has exited may stay, and one outside of state_dir cannot be written',
  },
  { names: ['setsid'], from: 'util-linux', without: 'no worker can be started' },
  {
    names: ['nice'],
    from: 'coreutils',
    without: 'no worker with another nice can be started',
    by: ({ nice }) => nice !== getPriority(),
  },
  {
    names: ['sleep'],
    from: 'coreutils',
    without: 'a start does not wait for a program that daemonizes',
    by: ({ daemonizes }) => daemonizes !== undefined,
  },
  {
    names: ['cat', 'sleep', 'timeout'],
    from: 'coreutils',
    without: 'log.command is not started again if it ends, and lines are lost',
    by: ({ log }) => log?.kind === 'piped',
  },
  {
    names: ['mkfifo'],
    from: 'coreutils',
    without: 'no worker with log.command can be started',
    by: ({ log }) => log?.kind === 'piped',
  },
  {
    names: ['mkfifo'],
    from: 'coreutils',
    without: 'workerctl watch cannot create its trigger, and does not start',
    isMinor: true,
  },
];

/** The oldest Node that workerctl supports. */
const oldest = [20, 19] as const;

/** Whether the programs that workers need exist, and whether Node is new enough. `find` looks for a program. */
export function programFindings(
  { config }: Pick<Examination, 'config'>,
  find: (name: string) => string | undefined = (name) => programAt(name, workerPath),
): Findings {
  const { node } = process.versions;
  const told = new Set<string>();
  const missing = needs
    .filter(({ by }) => by === undefined || config.workers.some(by))
    .flatMap((need) => need.names.map((name) => ({ ...need, name })))
    .filter(({ name }) => {
      const isNew = !told.has(name) && find(name) === undefined;
      if (isNew) told.add(name);
      return isNew;
    });
  return orFine(
    [nodeFindings(node), missing.map(notFound)],
    'programs',
    `Node ${node}, and all that a start needs`,
  );
}

const notFound = ({ name, from, without, isMinor }: Need & { readonly name: string }): Findings =>
  (isMinor === true ? warning : problem)('programs', `${name} is not found in ${workerPath}`, [
    without,
    `install ${from}`,
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
