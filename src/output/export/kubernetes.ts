import { formatDuration } from '../../core/basics/time.ts';
import type { QuietMeans, Worker } from '../../core/model/config.ts';
import {
  drainLimit,
  leftOutBy,
  translated,
  translatedAll,
  wholeSeconds,
  writtenBy,
  type ExportFacts,
  type ExportFormat,
  type LeftOut,
  type LeftOutRule,
  type Translation,
} from './exported.ts';
import { yamlText } from './yaml-text.ts';
import { endlessDrain, inContainers, nowhere, secretsIn } from './left-out.ts';

/** One StatefulSet: all instances of a counted worker, or one instance that has a name. */
interface Workload {
  readonly name: string;
  readonly worker: Worker;
  readonly replicas: number;
  /** Undefined: the ordinal of the pod is the identifier. */
  readonly identifier?: string;
}

export const kubernetes: ExportFormat = {
  needsImage: true,
  header: writtenBy,
  exported: (config, facts) => ({
    files: config.workers.map((worker) => ({
      path: `${dnsName(worker.name)}.yaml`,
      text: fileText(worker, facts),
    })),
    leftOut: config.workers.flatMap((worker) => leftOutOf(worker, facts)),
  }),
};

function fileText(worker: Worker, facts: ExportFacts): string {
  const documents = workloadsOf(worker).flatMap((workload) => [
    service(workload),
    statefulSet(workload, facts),
    disruptionBudget(workload),
  ]);
  const head = `${writtenBy}\n# Needs Kubernetes 1.31 or later, where ordinals may begin with 1.\n`;
  return `${head}${documents.map(yamlText).join('---\n')}`;
}

/** A name for Kubernetes: a DNS label. Source: RFC 1123. */
export const dnsName = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 50);

/** Identifiers that are not ordinals need a StatefulSet each. */
function workloadsOf(worker: Worker): Workload[] {
  const name = dnsName(worker.name);
  const { identifiers, isCounted } = worker;
  if (isCounted) return [{ name, worker, replicas: identifiers.length }];
  return identifiers.map((identifier) => ({
    name: `${name}-${dnsName(identifier)}`,
    worker,
    replicas: 1,
    identifier,
  }));
}

const labelsOf = ({ name }: Workload) => ({ 'app.kubernetes.io/name': name });

/** A StatefulSet must name a service, by which its pods are known in DNS. */
const service = (workload: Workload) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: workload.name, labels: labelsOf(workload) },
  spec: { clusterIP: 'None', selector: labelsOf(workload) },
});

const disruptionBudget = (workload: Workload) => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: { name: workload.name, labels: labelsOf(workload) },
  spec: {
    maxUnavailable: batchOf(workload.worker),
    selector: { matchLabels: labelsOf(workload) },
  },
});

function batchOf({ restart: { batch } }: Worker): number | string {
  return batch.kind === 'count' ? batch.count : `${batch.percent}%`;
}

function statefulSet(workload: Workload, facts: ExportFacts) {
  const { name, worker, replicas, identifier } = workload;
  const labels = labelsOf(workload);
  const { ready } = worker;
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name, labels },
    spec: {
      serviceName: name,
      replicas,
      ...(identifier === undefined && { ordinals: { start: 1 } }),
      podManagementPolicy: 'Parallel',
      ...(ready.kind === 'after' &&
        ready.after > 0 && { minReadySeconds: wholeSeconds(ready.after) }),
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: wholeSeconds(drainLimit(worker, facts)),
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          containers: [container(workload, facts)],
          ...(worker.heartbeat && { volumes: [{ name: 'heartbeat', emptyDir: {} }] }),
        },
      },
    },
  };
}

const heartbeatFolder = '/run/workerctl';
const heartbeatFile = `${heartbeatFolder}/heartbeat`;

function container(workload: Workload, { image }: ExportFacts) {
  const { worker } = workload;
  const of = translationOf(workload);
  const stop = preStop(worker, of);
  const sources = worker.envFiles.map((path) => ({
    secretRef: { name: secretName(worker, path) },
  }));
  return {
    name: 'worker',
    image,
    command: translatedAll(worker.command, of),
    workingDir: translated(worker.directory, { ...of, plain: (part) => part }),
    env: environment(workload, of),
    ...(sources.length > 0 && { envFrom: sources }),
    ...(stop && { lifecycle: { preStop: { exec: { command: stop } } } }),
    ...resources(worker),
    ...securityContext(worker),
    ...startupProbe(worker, of),
    ...livenessProbe(worker),
    ...(worker.heartbeat && {
      volumeMounts: [{ name: 'heartbeat', mountPath: heartbeatFolder }],
    }),
  };
}

/** In bytes, and in thousandths of a core. What is not requested is requested as it is limited. */
function resources({ cgroup }: Worker) {
  if (cgroup === undefined) return undefined;
  const { memoryMax, cpu } = cgroup;
  const limits = {
    ...(memoryMax !== undefined && { memory: String(memoryMax) }),
    ...(cpu !== undefined && { cpu: `${Math.round(cpu * 1000)}m` }),
  };
  return { resources: { limits } };
}

/** Users have no names there: only numbers can be carried over. */
function securityContext({ runAs, noNewPrivs }: Worker) {
  const user = Number(runAs?.user ?? NaN);
  const group = Number(runAs?.group ?? NaN);
  const context = {
    ...(Number.isInteger(user) && { runAsUser: user }),
    ...(Number.isInteger(group) && { runAsGroup: group }),
    ...(noNewPrivs && { allowPrivilegeEscalation: false }),
  };
  return Object.keys(context).length > 0 ? { securityContext: context } : undefined;
}

/** Kubernetes replaces `$(NAME)` in words, and in values by the variables above them; `$$` is a dollar sign before it. */
const translationOf = ({ worker }: Workload): Translation => ({
  i: '$(WORKERCTL_ID)',
  p: worker.name,
  n: `${worker.name}.$(WORKERCTL_ID)`,
  H: '$(WORKERCTL_HOST)',
  plain: (text) => text.replace(/\$\(/g, '$$$$('),
});

const fieldRef = (name: string, fieldPath: string) => ({
  name,
  valueFrom: { fieldRef: { fieldPath } },
});

function environment({ worker, identifier }: Workload, of: Translation) {
  return [
    identifier === undefined
      ? fieldRef('WORKERCTL_ID', "metadata.labels['apps.kubernetes.io/pod-index']")
      : { name: 'WORKERCTL_ID', value: identifier },
    fieldRef('WORKERCTL_HOST', 'spec.nodeName'),
    { name: 'WORKERCTL_WORKER', value: worker.name },
    { name: 'WORKERCTL_INSTANCE', value: of.n },
    ...(worker.heartbeat ? [{ name: 'WORKERCTL_HEARTBEAT_FILE', value: heartbeatFile }] : []),
    ...Object.entries(worker.env).map(([name, value]) => ({ name, value: translated(value, of) })),
  ];
}

const secretName = (worker: Worker, path: string): string =>
  `${dnsName(worker.name)}-${dnsName(path.split('/').at(-1) ?? '') || 'env'}`;

/** Runs before TERM is sent. The signal that the worker knows is sent here, and TERM comes when it has exited. */
function preStop({ stop }: Worker, of: Translation): string[] | undefined {
  const quiet = stop.quiet && quietWords(stop.quiet, of);
  if (stop.signal === 'TERM') return quiet;
  const ask = `kill -s ${stop.signal} 1; while kill -0 1 2>/dev/null; do sleep 1; done`;
  return quiet === undefined
    ? ['/bin/sh', '-c', ask]
    : ['/bin/sh', '-c', `"$@"; ${ask}`, 'sh', ...quiet];
}

const quietWords = (quiet: QuietMeans, of: Translation): string[] =>
  typeof quiet === 'string'
    ? ['/bin/sh', '-c', `kill -s ${quiet} 1`]
    : translatedAll(quiet.command, of);

/** A start that is not ready in time has failed, there as here. */
function startupProbe({ ready }: Worker, of: Translation) {
  if (ready.kind !== 'file' && ready.kind !== 'command') return undefined;
  const command =
    ready.kind === 'file'
      ? ['/bin/sh', '-c', 'test -e "$1"', 'sh', translated(ready.path, of)]
      : translatedAll(ready.command, of);
  const failureThreshold = wholeSeconds(ready.timeout);
  return { startupProbe: { exec: { command }, periodSeconds: 1, failureThreshold } };
}

/** Silence counts from the last sign of life, or else from the start of the first process. */
function livenessProbe({ heartbeat }: Worker) {
  if (heartbeat === undefined) return undefined;
  const limit = wholeSeconds(heartbeat.timeout);
  const script = `f=${heartbeatFile}; [ -e "$f" ] || f=/proc/1; [ $(($(date +%s) - $(stat -c %Y "$f"))) -le ${limit} ]`;
  return {
    livenessProbe: {
      exec: { command: ['/bin/sh', '-c', script] },
      periodSeconds: Math.max(1, Math.min(10, Math.floor(limit / 4))),
      timeoutSeconds: 5,
      failureThreshold: 1,
      terminationGracePeriodSeconds: wholeSeconds(heartbeat.grace),
    },
  };
}

const ruleset = (facts: ExportFacts): readonly LeftOutRule[] => [
  [
    'name',
    ({ name }) => dnsName(name) !== name,
    ({ name }) => `it is called ${dnsName(name)} there`,
  ],
  endlessDrain(
    (option) =>
      `Kubernetes kills what still drains after ${formatDuration(facts.longestJob)} (${option})`,
  ),
  [
    'directory',
    ({ directory }) => /%[inH]/.test(directory),
    'workingDir takes no variables: change the directory in the command',
  ],
  [
    'env_files',
    ({ envFiles }) => envFiles.length > 0,
    (worker) =>
      `make a secret of each: ${worker.envFiles
        .map(
          (path) =>
            `kubectl create secret generic ${secretName(worker, path)} --from-env-file=${path}`,
        )
        .join('; ')}`,
  ],
  [
    'restart.canary, restart.batch',
    ({ identifiers }) => identifiers.length > 1,
    'a StatefulSet replaces one pod after another, the last one first, and waits for ever if one is not ready; drains of other pods (of nodes) keep to batch, by the PodDisruptionBudget',
  ],
  [
    'restart.overlap',
    ({ restart }) => restart.overlap,
    'the next pod of an ordinal starts only when the old one has ended',
  ],
  [
    'on_exit',
    ({ onExit }) => onExit !== 'always',
    'a StatefulSet starts it again after each exit: use a Job for work that ends',
  ],
  [
    'user, group',
    ({ runAs }) => runAs !== undefined && /\D/.test(`${runAs.user}${runAs.group ?? ''}`),
    'name them by number, or let the image run as that user',
  ],
  ['oom_score_adj', ({ oomScoreAdj }) => oomScoreAdj !== 0, 'set resources.requests.memory'],
  [
    'limits',
    ({ limits }) => Object.keys(limits).some((name) => name !== 'nofile'),
    'the limits of the container runtime hold',
  ],
  secretsIn,
];

const leftOutOf = (worker: Worker, facts: ExportFacts): LeftOut[] =>
  leftOutBy([...ruleset(facts), ...nowhere, ...inContainers], worker);
