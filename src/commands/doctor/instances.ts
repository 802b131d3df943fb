import { existsSync } from 'node:fs';
import { counted } from '../../core/events/phrases.ts';
import { launchOf } from '../../core/model/launch.ts';
import { instanceNames } from '../../core/model/instance.ts';
import type { InstanceStatus } from '../../core/views/instance-status.ts';
import { orFine, problem, someOf, warning, type Findings } from '../../core/views/finding.ts';
import { ledgerPath } from '../../host/state/ledger-file.ts';
import { shellWord } from '../../core/basics/shell-word.ts';
import { isOtherConfig } from '../../host/worker/other-config.ts';
import type { Examination } from './examination.ts';

/** Wanted instances that do not run, and why; and those that run an old release. */
export function instanceFindings(examination: Examination): Findings {
  const { config, status } = examination;
  // Where nothing was ever started, nothing is missing.
  if (status === undefined || !existsSync(ledgerPath(config.stateDir))) return [];
  const down = grouped(status.instances.filter(({ state }) => isDown.has(state)));
  const outdated = grouped(
    status.instances.filter(
      ({ isOutdated, state }) => isOutdated && state !== 'draining' && state !== 'retiring',
    ),
  );
  return orFine(
    [
      down.map((group) => downFinding(group, examination)),
      otherConfigFinding(examination),
      outdated.map((group) => outdatedFinding(group, examination)),
    ],
    'instances',
    `${status.wanted} wanted, ${status.ready} ready`,
  );
}

const isDown = new Set<InstanceStatus['state']>(['missing', 'backoff', 'failed', 'late']);

type Group = readonly [InstanceStatus, ...InstanceStatus[]];

/** Instances of one worker in the same state, for the same reason if it is known. */
function grouped(all: readonly InstanceStatus[]): readonly Group[] {
  const groups = new Map<string, [InstanceStatus, ...InstanceStatus[]]>();
  for (const one of all) {
    const key = `${one.worker} ${one.state} ${one.startProblem ?? ''}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  return [...groups.values()];
}

const namesOf = (group: Group): string => someOf(group.map(({ name }) => name));

function downFinding(group: Group, examination: Examination): Findings {
  const [{ name, state, detail, startProblem, failures = 0 }] = group;
  const found = `${state}: ${detail}`;
  const log = logOf(name, examination);
  const start = `workerctl start ${group.length === 1 ? name : group[0].worker}`;
  const isDaemon = examination.config.workers.some(
    (one) => one.name === group[0].worker && one.daemonizes !== undefined,
  );
  if (state === 'late' && !isDaemon)
    return warning(namesOf(group), found, [
      'it counts as not ready, and a restart that meets this is aborted',
      `see its log, ${log}; if it only takes longer, raise ready.timeout`,
    ]);
  if (state === 'late')
    return problem(namesOf(group), found, [
      'nothing is started beside the process that it has left',
      `see its log, ${log}; fix that, then workerctl restart ${name}`,
    ]);
  if (startProblem !== undefined)
    return problem(namesOf(group), found, [
      'no process of it could be started',
      `fix that; the next bootcheck or watch tries again, and ${start} at once`,
    ]);
  if (state === 'missing' && failures === 0)
    return warning(namesOf(group), found, ['it does no work meanwhile', start]);
  return problem(namesOf(group), found, [
    state === 'failed'
      ? 'it has ended and is not started again (on_exit)'
      : 'its processes end soon after their start',
    `see its log, ${log}; then ${start}`,
  ]);
}

function logOf(name: string, { config, hostName }: Examination): string {
  const worker = config.workers.find((one) => instanceNames(one).includes(name));
  return worker === undefined
    ? 'its log'
    : launchOf(worker, name, config.stateDir, hostName).logFile;
}

/** Two configs with one state directory, such as a copy: each would start and stop the other's instances. */
function otherConfigFinding({ config, observation }: Examination): Findings {
  const paths = new Map<string, string[]>();
  for (const { name, presence } of observation.instances.values()) {
    const path = presence.kind === 'alive' ? presence.record.config : undefined;
    if (path === undefined || path === config.path) continue;
    paths.set(path, [...(paths.get(path) ?? []), name]);
  }
  return [...paths].flatMap(([path, names]) => {
    if (!isOtherConfig(path, config.path)) return [];
    return [
      warning(
        `config ${config.path}`,
        `${someOf(names)} started by ${path}, which is still there`,
        [
          'two configs with one state directory work against each other: a restart with this one replaces the instances, and drains those above its count',
          `use --config ${shellWord(path)}; or give this config a state_dir of its own; or remove the other one`,
        ],
      ),
    ];
  });
}

function outdatedFinding(group: Group, { status, desired }: Examination): Findings {
  const [{ worker, release }] = group;
  const next = status?.releases[worker];
  const isOther = release !== undefined && release !== next;
  // A restart in progress replaces them; with the same release, an aborted one is the only finding about them.
  const isSaid = desired.rollouts.some(
    ({ aborted, replaces }) =>
      (aborted === undefined || !isOther) &&
      group.every(({ name }) => Object.hasOwn(replaces, name)),
  );
  if (isSaid) return [];
  const from = release === undefined ? '' : ` of ${release}`;
  const to = next === undefined ? '' : `; a start would give ${next}`;
  return warning(namesOf(group), `${counted(group.length, 'instance')} with the code${from}${to}`, [
    'they keep it until they are replaced',
    'workerctl restart --outdated',
  ]);
}
