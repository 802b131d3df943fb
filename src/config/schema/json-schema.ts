import * as z from 'zod/mini';
import { logPairs, readyPairs } from './keys.ts';
import { configSchema, defaultsSchema, workerSchema } from './keys.ts';
import { ciVariables, passedVariable } from './values.ts';

type Described<Shape> = Readonly<Record<keyof Shape, string>>;
type InnerShape<T> =
  T extends z.ZodMiniOptional<z.ZodMiniObject<infer Shape extends z.core.$ZodShape>>
    ? Shape
    : never;

const shared = defaultsSchema().shape;
const { shape: topShape } = configSchema();
const worker = workerSchema();
const specifiers = 'May hold %i (identifier), %p (worker), %n (instance), %H (host), %% (percent).';

const topKeys: Described<typeof topShape> = {
  state_dir:
    'The folder of pidfiles, locks and the journal, relative to this file. Default: .workerctl',
  log_dir: 'The folder of the logs, relative to this file. Default: log',
  release:
    'Where the name of the code comes from. Default: the last part of what directory resolves to',
  defaults: 'Any key of a worker but command: merged below each worker, maps key by key.',
  workers: 'The workers by name; at least one.',
};

const workerKeys: Described<typeof worker.shape> = {
  command: `What to run, in the foreground unless it daemonizes: words in quotes as in a shell, but no shell runs; or a list of words. ${specifiers}`,
  count: 'How many instances; their identifiers are 1, 2, 3, ... Default: 1',
  identifiers: 'The identifiers of the instances, in place of count.',
  directory: `The working directory. Default: the folder of this file. ${specifiers}`,
  env: `Variables of the environment; numbers keep the way they are written. ${specifiers}`,
  env_files: `Files with variables; the variables of env win. ${specifiers}`,
  pass_env: 'Names of variables that are taken over from the caller.',
  pidfile: `Where the pid is written, relative to this file. Default: %n.pid in state_dir. ${specifiers}`,
  daemonizes:
    'The program forks away and writes pidfile itself: its command ends when it is up. Default: false',
  start: 'How a program that daemonizes is started.',
  log: 'Where the output goes.',
  umask: 'The file mode creation mask, in quotes. Default: "022"',
  nice: 'The scheduling priority, from -20 (first) to 19 (last). Default: 0',
  oom_score_adj:
    'How readily the kernel kills it when memory is short, from -1000 (never) to 1000. Default: 0',
  limits: 'Soft resource limits, see setrlimit(2).',
  ready:
    'How a worker shows that it is ready: one of after, log, file and command. Default: {after: 1s}',
  stop: 'How a worker is asked to finish its job and leave.',
  restart: 'How a restart goes through the instances.',
  busy: 'How workerctl knows that a worker is busy.',
  heartbeat: 'When a worker that gives no sign of life is killed. Without it: never.',
  max_count: 'The most instances that workerctl want may set. Default: 500',
  lost_grace:
    'How long after a death its job is called lost, where nobody knows whether it had one: its result may be on its way.',
  hooks:
    'What is run when something has happened: lost (a job was lost with its process), backoff (an instance is not started for a while), unresponsive (a silent one is about to be killed), rollout (a restart is over or was aborted).',
  backoff: 'How long an instance whose processes die young stays down.',
  recycle: 'When a process is replaced between two jobs because it is worn. Without it: never.',
};

const logKeys: Described<InnerShape<typeof shared.log>> = {
  file: `The file that the output is appended to, relative to this file. Default: %n.log in log_dir. ${specifiers}`,
  max_size:
    'A log that is longer than this, such as 100MB, is put into x.log.1, x.log.2 and so on, by bootcheck or watch. No line is lost.',
  keep: 'How many of these there are at most. Default: 5',
  command: `A logger that the output is piped to, in place of max_size; the file then holds what the logger itself says. ${specifiers}`,
};
const limitKeys: Described<InnerShape<typeof shared.limits>> = {
  nofile: 'Open files. Default: 1024',
  nproc: 'Processes of the user, or unlimited.',
  core: 'The size of a core dump: 0, bytes, a size such as 512MB, or unlimited.',
  as: 'The address space: bytes, a size such as 4GB, or unlimited.',
};
const readyKeys: Described<InnerShape<typeof shared.ready>> = {
  after: 'It is ready when it has run for this long.',
  log: 'A regular expression (JavaScript, flag m): it is ready when it writes a line that matches to its log.',
  file: `It is ready when it has written this file, relative to the config. ${specifiers}`,
  command: `It is ready when this command ends with 0; run in its directory and environment. ${specifiers}`,
  notify: 'It is ready when it says so by sd_notify(3) to workerctl watch, which must be running.',
  timeout:
    'It has failed when it is not ready after this time; with log, file and command. Default: 60s',
};
const stopKeys: Described<InnerShape<typeof shared.stop>> = {
  signal: 'The signal that asks the worker to finish. Default: TERM',
  quiet: 'The signal that makes it take no new job.',
  resume:
    'The signal that makes it take jobs again after quiet. Without it, the worker is replaced.',
  timeout: 'Its whole session is killed when it takes longer; or never. Default: never',
  leftovers:
    'What becomes of the processes that a dead one leaves: leave, kill, or wait (nothing is started while they live). Default: leave',
};
const startKeys: Described<InnerShape<typeof shared.start>> = {
  timeout:
    'With daemonizes: it has failed when its command has not ended and its pidfile not named it by then. Default: 60s',
};
const restartKeys: Described<InnerShape<typeof shared.restart>> = {
  canary: '1: one replacement must be ready before the others are asked to leave. Default: 1',
  batch: 'How many may be down at once: a number, or a part such as 50%. Default: 100%',
  patience: 'How long to wait for the first one to leave before another is asked too. Default: 30s',
  overlap: 'Whether the replacement starts while the old process still drains. Default: false',
  max_extra: 'With overlap: how many old ones of the worker at most at once. Default: 1',
};
const busyKeys: Described<InnerShape<typeof shared.busy>> = {
  title:
    'A regular expression (JavaScript, flag m) on the process title; its first group is what it is busy with.',
};
const heartbeatKeys: Described<InnerShape<typeof shared.heartbeat>> = {
  timeout: 'It is killed when it has given no sign of life for this long.',
  dump: 'The signal that lets a silent worker write down what it is doing, before it is killed.',
  grace: 'How long it has for that. Default: 2s',
};
const backoffKeys: Described<InnerShape<typeof shared.backoff>> = {
  initial: 'How long it stays down the first time; doubled each time. Default: 1s',
  max: 'How long it stays down at most. Default: 5m',
  reset:
    'A ready process that dies earlier has died young; one that runs for so long ends the row. 0s: only deaths before ready count. Default: 10m',
};
const recycleKeys: Described<InnerShape<typeof shared.recycle>> = {
  memory: 'How much memory its session may have: bytes, or a size such as 512MB; or unlimited.',
  age: 'How old it may get, at most 365d; or never.',
  outdated: 'Whether it is replaced when a start would give it another release. Default: false',
  min_age: 'It is left alone until it has run for so long. Default: 1m',
};
const releaseKeys: Described<InnerShape<typeof topShape.release>> = {
  command: 'The first line that this prints; run in the folder of this file, no shell.',
  file: 'The first line of this file, relative to the config.',
};

/** The JSON Schema (draft 7, which editors know best) of a config file, made from the schema that checks it. */
export function configJsonSchema(): object {
  const registry = z.registry<Record<string, unknown>>();
  describe(registry, topShape, topKeys);
  describe(registry, worker.shape, workerKeys);
  describe(registry, shared.log._zod.def.innerType.shape, logKeys);
  describe(registry, shared.limits._zod.def.innerType.shape, limitKeys);
  describe(registry, shared.ready._zod.def.innerType.shape, readyKeys);
  describe(registry, shared.stop._zod.def.innerType.shape, stopKeys);
  describe(registry, shared.start._zod.def.innerType.shape, startKeys);
  describe(registry, shared.restart._zod.def.innerType.shape, restartKeys);
  describe(registry, shared.busy._zod.def.innerType.shape, busyKeys);
  describe(registry, shared.heartbeat._zod.def.innerType.shape, heartbeatKeys);
  describe(registry, shared.backoff._zod.def.innerType.shape, backoffKeys);
  describe(registry, shared.recycle._zod.def.innerType.shape, recycleKeys);
  describe(registry, topShape.release._zod.def.innerType.shape, releaseKeys);
  addRules(registry);
  const { $schema, ...schema } = z.toJSONSchema(configSchema(), {
    target: 'draft-7',
    metadata: registry,
    io: 'input',
  });
  return {
    $schema,
    title: 'workerctl.yaml',
    description: 'The workers that workerctl runs.',
    ...schema,
  };
}

type Registry = z.core.$ZodRegistry<Record<string, unknown>>;

function describe(
  registry: Registry,
  shape: Readonly<Record<string, z.core.$ZodType>>,
  descriptions: Readonly<Record<string, string>>,
): void {
  for (const [key, schema] of Object.entries(shape))
    registry.add(schema, { description: descriptions[key] });
}

/** What the schema checks with code, as far as JSON Schema has words for it. */
function addRules(registry: Registry): void {
  const exclusive = { not: { required: ['count', 'identifiers'] } };
  registry.add(worker, exclusive);
  const { defaults, release, workers } = topShape;
  registry.add(defaults, { ...registry.get(defaults), ...exclusive });
  registry.add(workers, { ...registry.get(workers), minProperties: 1 });
  registry.add(shared.identifiers, { ...registry.get(shared.identifiers), uniqueItems: true });
  registry.add(shared.ready, { ...registry.get(shared.ready), not: anyPair(readyPairs) });
  registry.add(shared.log, { ...registry.get(shared.log), not: anyPair(logPairs) });
  registry.add(release, {
    ...registry.get(release),
    anyOf: [{ required: ['command'] }, { required: ['file'] }],
    not: { required: ['command', 'file'] },
  });
  registry.add(passedVariable(), { not: { enum: ciVariables } });
}

const anyPair = (pairs: typeof readyPairs): object => ({
  anyOf: pairs.map((required) => ({ required })),
});
