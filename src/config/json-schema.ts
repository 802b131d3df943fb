import * as z from 'zod/mini';
import { configSchema, defaultsSchema, workerSchema } from './schema.ts';
import { ciVariables, passedVariable } from './value-schema.ts';

type Described<Shape> = Readonly<Record<keyof Shape, string>>;
type InnerShape<T> =
  T extends z.ZodMiniOptional<z.ZodMiniObject<infer Shape extends z.core.$ZodShape>>
    ? Shape
    : never;

const shared = defaultsSchema.shape;
const specifiers = 'May hold %i (identifier), %p (worker), %n (instance), %H (host), %% (percent).';

const topKeys: Described<typeof configSchema.shape> = {
  state_dir:
    'The folder of pidfiles, locks and the journal, relative to this file. Default: .workerctl',
  log_dir: 'The folder of the logs, relative to this file. Default: log',
  defaults: 'Any key of a worker but command: merged below each worker, maps key by key.',
  workers: 'The workers by name; at least one.',
};

const workerKeys: Described<typeof workerSchema.shape> = {
  command: `What to run, in the foreground: words in quotes as in a shell, but no shell runs; or a list of words. ${specifiers}`,
  count: 'How many instances; their identifiers are 1, 2, 3, ... Default: 1',
  identifiers: 'The identifiers of the instances, in place of count.',
  directory: `The working directory. Default: the folder of this file. ${specifiers}`,
  env: `Variables of the environment; numbers keep the way they are written. ${specifiers}`,
  env_files: `Files with variables; the variables of env win. ${specifiers}`,
  pass_env: 'Names of variables that are taken over from the caller.',
  pidfile: `Where the pid is written, relative to this file. Default: %n.pid in state_dir. ${specifiers}`,
  log: 'Where the output goes.',
  umask: 'The file mode creation mask, in quotes. Default: "022"',
  nice: 'The scheduling priority, from -20 (first) to 19 (last). Default: 0',
  oom_score_adj:
    'How readily the kernel kills it when memory is short, from -1000 (never) to 1000. Default: 0',
  limits: 'Soft resource limits, see setrlimit(2).',
  stop: 'How a worker is asked to finish its job and leave.',
  ready: 'How a worker shows that it is ready.',
};

const logKeys: Described<InnerShape<typeof shared.log>> = {
  file: `The file that the output is appended to, relative to this file. Default: %n.log in log_dir. ${specifiers}`,
};
const limitKeys: Described<InnerShape<typeof shared.limits>> = {
  nofile: 'Open files. Default: 1024',
  nproc: 'Processes of the user, or unlimited.',
  core: 'The size of a core dump: 0, bytes, a size such as 512MB, or unlimited.',
  as: 'The address space: bytes, a size such as 4GB, or unlimited.',
};
const stopKeys: Described<InnerShape<typeof shared.stop>> = {
  signal: 'The signal that asks the worker to finish. Default: TERM',
};
const readyKeys: Described<InnerShape<typeof shared.ready>> = {
  after: 'It is ready when it has run for this long. Default: 1s',
};

/** The JSON Schema (draft 7, which editors know best) of a config file, made from the schema that checks it. */
export function configJsonSchema(): object {
  const registry = z.registry<Record<string, unknown>>();
  describe(registry, configSchema.shape, topKeys);
  describe(registry, workerSchema.shape, workerKeys);
  describe(registry, shared.log._zod.def.innerType.shape, logKeys);
  describe(registry, shared.limits._zod.def.innerType.shape, limitKeys);
  describe(registry, shared.stop._zod.def.innerType.shape, stopKeys);
  describe(registry, shared.ready._zod.def.innerType.shape, readyKeys);
  addRules(registry);
  const { $schema, ...schema } = z.toJSONSchema(configSchema, {
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
  registry.add(workerSchema, exclusive);
  const { defaults, workers } = configSchema.shape;
  registry.add(defaults, { ...registry.get(defaults), ...exclusive });
  registry.add(workers, { ...registry.get(workers), minProperties: 1 });
  registry.add(shared.identifiers, { ...registry.get(shared.identifiers), uniqueItems: true });
  registry.add(passedVariable, { not: { enum: ciVariables } });
}
