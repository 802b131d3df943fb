import { orFine, problem, warning, type Findings } from '../../core/views/finding.ts';
import type { Config } from '../../core/model/config.ts';
import { readOrEmpty } from '../../host/files/read-or-empty.ts';
import { groupOf, limitOf, listPids, userOf } from '../../host/process/process-table.ts';
import type { Examination } from './examination.ts';

/** What the kernel allows this user and this control group. */
export interface Allowed {
  /** The hard limit of open files. */
  readonly files: number;
  /** How many more processes this user may have. */
  readonly processes: number;
  /** How many more processes fit into our control group. */
  readonly inGroup: number;
  readonly isRoot: boolean;
}

/** Whether all wanted instances fit into the limits of this host. */
export function limitFindings(
  { config, observation }: Pick<Examination, 'config' | 'observation'>,
  allowed: Allowed = allowedHere(),
): Findings {
  const up = [...observation.instances.values()].filter(
    ({ presence }) => presence.kind === 'alive',
  ).length;
  const wanted = config.workers.reduce((sum, { identifiers }) => sum + identifiers.length, 0);
  return orFine(
    [fileFindings(config, wanted, allowed), roomFindings(Math.max(0, wanted - up), allowed)],
    'limits',
    `there is room for all ${wanted} wanted instances`,
  );
}

/** A pass has one lock open for each instance that it starts, and these files besides. */
const ownFiles = 40;

function fileFindings({ workers }: Config, wanted: number, allowed: Allowed): Findings {
  const short =
    allowed.files >= wanted + ownFiles
      ? []
      : problem('open files', `${allowed.files} allowed (ulimit -Hn), ${wanted} instances wanted`, [
          'a pass that starts all of them needs an open file for each lock',
          `raise the limit to ${wanted + ownFiles} or more`,
        ]);
  const greedy = allowed.isRoot
    ? []
    : workers.filter(({ limits: { nofile } }) => Number(nofile ?? 0) > allowed.files);
  return [
    short,
    greedy.map(({ name, limits }) =>
      warning(
        `workers.${name}.limits.nofile`,
        `${String(limits.nofile)}, but ${allowed.files} are allowed`,
        [
          'only root may raise the limit: a start runs the worker with less, and a restart refuses',
          'raise the hard limit (limits.conf, LimitNOFILE=), or lower the key',
        ],
      ),
    ),
  ];
}

/** A worker and its shim; and some for the programs that start them. */
const perInstance = 2;
const spare = 20;

function roomFindings(toStart: number, { processes, inGroup, isRoot }: Allowed): Findings {
  const needed = toStart * perInstance + spare;
  const finding = (about: string, free: number, advice: string): Findings => {
    if (free >= needed) return [];
    const found = `room for ${Math.max(0, free)} more processes, but ${toStart} instances to start`;
    const cost = ['starts may fail, and workers may be unable to start children', advice] as const;
    return [(free < toStart * perInstance ? problem : warning)(about, found, cost)];
  };
  return [
    isRoot ? [] : finding('processes', processes, 'raise ulimit -u (limits.conf)'),
    finding('tasks', inGroup, 'raise TasksMax= of the unit, or pids-limit of the container'),
  ];
}

function allowedHere(): Allowed {
  const user = process.geteuid?.() ?? 0;
  const { soft } = limitOf('Max processes');
  const own = Number.isFinite(soft) ? listPids().filter((pid) => userOf(pid) === user).length : 0;
  const folder = `/sys/fs/cgroup${groupOf(process.pid)}`;
  const [most, current] = ['pids.max', 'pids.current'].map((name) => {
    const text = readOrEmpty(`${folder}/${name}`).trim();
    return /^\d+$/.test(text) ? Number(text) : Infinity;
  });
  return {
    files: limitOf('Max open files').hard,
    processes: soft - own,
    inGroup: most === undefined || most === Infinity ? Infinity : most - (current ?? 0),
    isRoot: user === 0,
  };
}
