import { formatDuration } from '../../core/basics/time.ts';
import type { ExitRule, QuietMeans, Worker } from '../../core/model/config.ts';
import { instancesOf, type Instance } from '../../core/model/instance.ts';
import {
  drainLimit,
  leftOutBy,
  translated,
  translatedAll,
  wholeSeconds,
  writtenBy,
  type ExportFacts,
  type ExportFormat,
  type LeftOutRule,
  type Translation,
} from './exported.ts';
import { yamlText } from './yaml-text.ts';
import { endlessDrain, inContainers, nowhere, secretsIn } from './left-out.ts';

/** A service for each instance: a container of a scaled service does not know which of them it is. */
export const compose: ExportFormat = {
  needsImage: true,
  header: writtenBy,
  exported: ({ workers }, facts) => {
    const services = Object.fromEntries(
      workers
        .flatMap(instancesOf)
        .map((instance) => [serviceName(instance), serviceOf(instance, facts)]),
    );
    const text = yamlText({ services });
    const head = `${writtenBy}\n# pre_stop, if it is here, needs Docker Compose 2.30 or later.\n`;
    return {
      files: [{ path: 'compose.yaml', text: `${head}${text}` }],
      leftOut: workers.flatMap((worker) =>
        leftOutBy([...rules(facts), ...nowhere, ...inContainers], worker),
      ),
    };
  },
};

const serviceName = ({ worker, identifier }: Instance): string => `${worker.name}-${identifier}`;

/** Compose replaces `$NAME` in all values. */
const plain = (text: string): string => text.replace(/\$/g, '$$$$');

const translationOf = ({ worker, identifier, name }: Instance): Translation => ({
  i: plain(identifier),
  p: plain(worker.name),
  n: plain(name),
  H: '${HOSTNAME}',
  plain,
});

const restartOf: Readonly<Record<ExitRule, string>> = {
  always: 'always',
  on_failure: 'on-failure',
  never: 'no',
};

function serviceOf(instance: Instance, facts: ExportFacts) {
  const { worker } = instance;
  const of = translationOf(instance);
  const { stop, limits, cgroup, oomScoreAdj, runAs, noNewPrivs } = worker;
  const ulimits = Object.entries(limits).map(([name, limit]) => [
    name,
    limit === 'unlimited' ? -1 : limit,
  ]);
  return {
    image: facts.image,
    command: translatedAll(worker.command, of),
    ...(runAs && { user: runAs.group === undefined ? runAs.user : `${runAs.user}:${runAs.group}` }),
    ...(noNewPrivs && { security_opt: ['no-new-privileges:true'] }),
    working_dir: translated(worker.directory, of),
    // Reaps what the worker leaves, and passes signals on to it.
    init: true,
    restart: restartOf[worker.onExit],
    stop_signal: `SIG${stop.signal}`,
    stop_grace_period: `${wholeSeconds(drainLimit(worker, facts))}s`,
    ...(stop.quiet && { pre_stop: [{ command: quietWords(stop.quiet, of) }] }),
    environment: environment(instance, of),
    ...(worker.envFiles.length > 0 && { env_file: translatedAll(worker.envFiles, of) }),
    ...healthcheck(worker, of),
    ...(ulimits.length > 0 && { ulimits: Object.fromEntries(ulimits) as object }),
    ...(cgroup?.memoryMax !== undefined && {
      mem_limit: cgroup.memoryMax,
      memswap_limit: cgroup.memoryMax,
    }),
    ...(cgroup?.cpu !== undefined && { cpus: cgroup.cpu }),
    ...(oomScoreAdj !== 0 && { oom_score_adj: oomScoreAdj }),
  };
}

const environment = ({ worker, identifier, name }: Instance, of: Translation) => ({
  WORKERCTL_ID: plain(identifier),
  WORKERCTL_WORKER: plain(worker.name),
  WORKERCTL_INSTANCE: plain(name),
  ...Object.fromEntries(
    Object.entries(worker.env).map(([key, value]) => [key, translated(value, of)]),
  ),
});

/** A hook that fails would end the stop. */
const quietWords = (quiet: QuietMeans, of: Translation): string[] =>
  typeof quiet === 'string'
    ? ['/bin/sh', '-c', `kill -s ${quiet} 1 || true`]
    : ['/bin/sh', '-c', '"$$@" || true', 'sh', ...translatedAll(quiet.command, of)];

function healthcheck({ ready }: Worker, of: Translation) {
  if (ready.kind !== 'file' && ready.kind !== 'command') return undefined;
  const test =
    ready.kind === 'file'
      ? ['CMD', 'test', '-e', translated(ready.path, of)]
      : ['CMD', ...translatedAll(ready.command, of)];
  return {
    healthcheck: { test, interval: '1s', retries: wholeSeconds(ready.timeout), timeout: '5s' },
  };
}

const rules = ({ longestJob }: ExportFacts): readonly LeftOutRule[] => [
  endlessDrain(
    (option) => `Docker kills what still drains after ${formatDuration(longestJob)} (${option})`,
  ),
  [
    'heartbeat',
    ({ heartbeat }) => heartbeat !== undefined,
    'Docker restarts no container because it is silent or unhealthy',
  ],
  [
    'restart',
    ({ identifiers }) => identifiers.length > 1,
    'docker compose up replaces all containers at once: no canary, no batches, no overlap',
  ],
  [
    '%H',
    (worker) => [...worker.command, ...Object.values(worker.env)].some((text) => /%H/.test(text)),
    'it is replaced by the variable HOSTNAME of the shell that runs docker compose: export it',
  ],
  secretsIn,
];
