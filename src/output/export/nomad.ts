import { formatDuration, type Duration } from '../../core/basics/time.ts';
import type { Batch, Worker } from '../../core/model/config.ts';
import {
  drainLimit,
  leftOutBy,
  translated,
  translatedAll,
  type ExportFacts,
  type ExportFormat,
  type LeftOutRule,
  type Translation,
} from './exported.ts';
import { endlessDrain, inContainers, nowhere, secretsIn } from './left-out.ts';

/** The beginning of the file: JSON has no comments. */
const header = ['{', '  "Job": {', '    "Meta": {', '      "written_by": "workerctl export"'].join(
  '\n',
);

/** A job in the JSON form of Nomad's API, for `nomad job run -json`. Its durations are nanoseconds. */
export const nomad: ExportFormat = {
  needsImage: true,
  header,
  exported: (config, facts) => {
    const job = {
      Meta: { written_by: 'workerctl export' },
      ID: 'workers',
      Name: 'workers',
      Type: 'service',
      Datacenters: ['*'],
      TaskGroups: config.workers.flatMap((worker) => groupsOf(worker, facts)),
    };
    return {
      files: [
        { path: 'workers.nomad.json', text: `${JSON.stringify({ Job: job }, undefined, 2)}\n` },
      ],
      leftOut: config.workers.flatMap((worker) =>
        leftOutBy([...rules(facts), ...nowhere, ...inContainers], worker),
      ),
    };
  },
};

const nanoseconds = (length: Duration): number => length * 1_000_000;

/** Identifiers that are not numbers in a row need a group each. */
function groupsOf(worker: Worker, facts: ExportFacts): object[] {
  const { name, identifiers, isCounted } = worker;
  if (isCounted) return [group(name, worker, identifiers.length, '${NOMAD_ALLOC_INDEX}', facts)];
  return identifiers.map((identifier) =>
    group(`${name}-${identifier}`, worker, 1, identifier, facts),
  );
}

function group(
  name: string,
  worker: Worker,
  count: number,
  identifier: string,
  facts: ExportFacts,
): object {
  const of: Translation = {
    i: identifier,
    p: worker.name,
    n: `${worker.name}.${identifier}`,
    H: '${node.unique.name}',
    // ${…} is Nomad's; $${ stands for it.
    plain: (text) => text.replace(/\$\{/g, '$$$${'),
  };
  const { restart, ready, backoff, onExit } = worker;
  const most = atOnce(restart.batch, count);
  return {
    Name: name,
    Count: count,
    RestartPolicy: {
      Attempts: onExit === 'never' ? 0 : 3,
      Interval: nanoseconds(backoff.reset),
      Delay: nanoseconds(backoff.initial),
      Mode: onExit === 'never' ? 'fail' : 'delay',
    },
    Update: {
      MaxParallel: most,
      Canary: restart.overlap ? (restart.canary ? 1 : most) : 0,
      HealthCheck: 'task_states',
      MinHealthyTime: nanoseconds(ready.kind === 'after' ? ready.after : backoff.minRun),
      AutoRevert: restart.onFailure === 'rollback',
    },
    Tasks: [task(worker, of, facts)],
  };
}

const atOnce = (batch: Batch, count: number): number =>
  Math.max(
    1,
    Math.min(
      count,
      batch.kind === 'count' ? batch.count : Math.floor((count * batch.percent) / 100),
    ),
  );

function task(worker: Worker, of: Translation, facts: ExportFacts): object {
  const [program = '', ...args] = translatedAll(worker.command, of);
  return {
    Name: 'worker',
    Driver: 'docker',
    ...(worker.runAs && { User: worker.runAs.user }),
    Config: {
      image: facts.image,
      command: program,
      args,
      work_dir: translated(worker.directory, of),
      init: true,
    },
    ...(worker.cgroup?.memoryMax !== undefined && {
      Resources: { MemoryMB: Math.ceil(worker.cgroup.memoryMax / 1024 ** 2) },
    }),
    KillSignal: `SIG${worker.stop.signal}`,
    KillTimeout: nanoseconds(drainLimit(worker, facts)),
    Env: {
      WORKERCTL_ID: of.i,
      WORKERCTL_WORKER: worker.name,
      WORKERCTL_INSTANCE: of.n,
      ...Object.fromEntries(
        Object.entries(worker.env).map(([key, value]) => [key, translated(value, of)]),
      ),
    },
  };
}

const rules = ({ longestJob }: ExportFacts): readonly LeftOutRule[] => [
  endlessDrain(
    (option) => `Nomad kills what still drains after ${formatDuration(longestJob)} (${option})`,
  ),
  [
    'stop.timeout',
    () => true,
    'a client of Nomad allows 30s unless its max_kill_timeout is raised',
  ],
  [
    'identifiers',
    ({ isCounted, identifiers }) => isCounted && identifiers.length > 0,
    'Nomad counts from 0: WORKERCTL_ID and %i are one less than here',
  ],
  [
    'env_files',
    ({ envFiles }) => envFiles.length > 0,
    'put the variables into a template with env = true, or into Nomad variables',
  ],
  [
    'stop.quiet',
    ({ stop }) => stop.quiet !== undefined,
    'nothing runs before the signal there; a shutdown_delay only waits',
  ],
  [
    'heartbeat',
    ({ heartbeat }) => heartbeat !== undefined,
    'make a service with a script check, and check_restart',
  ],
  [
    'ready.file, ready.command',
    ({ ready }) => ready.kind === 'file' || ready.kind === 'command',
    'make a service with a script check, and health_check = "checks"',
  ],
  ['group', ({ runAs }) => runAs?.group !== undefined, 'the group of the user holds'],
  [
    'no_new_privs',
    ({ noNewPrivs }) => noNewPrivs,
    'set security_opt in the config of the docker driver',
  ],
  ['oom_score_adj', ({ oomScoreAdj }) => oomScoreAdj !== 0, 'reserve memory in resources'],
  [
    'limits',
    ({ limits }) => Object.keys(limits).length > 0,
    'set ulimit in the config of the docker driver',
  ],
  [
    'limits.cpu',
    ({ cgroup }) => cgroup?.cpu !== undefined,
    'reserve MHz or cores in resources; cpu_hard_limit of the docker driver makes that a limit',
  ],
  secretsIn,
];
