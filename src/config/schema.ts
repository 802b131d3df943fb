import * as z from 'zod/mini';
import { later, map } from './map-schema.ts';
import {
  backoff,
  busy,
  heartbeat,
  hooks,
  log,
  ready,
  recycle,
  release,
  restart,
  start,
  stop,
} from './policy-schema.ts';
import {
  command,
  duration,
  filePath,
  folderPath,
  identifier,
  list,
  name,
  natural,
  naturalOrUnlimited,
  passedVariable,
  rule,
  sharedPath,
  sizeOrUnlimited,
  textOrNumber,
  umask,
  variableName,
  whole,
} from './value-schema.ts';

// The single source of what a config may hold: loadConfig checks with it, and the JSON Schema for editors is
// made from it.

/** The keys of a worker that `defaults` may hold too: all but its command. */
const sharedShape = {
  count: () => z.optional(whole(0, 500)),
  identifiers: () => z.optional(list(identifier(), 'names')),
  directory: () => z.optional(folderPath()),
  env: () =>
    z.optional(
      z.record(variableName(), textOrNumber(), { error: 'a map of variables and their values' }),
    ),
  env_files: () => z.optional(list(filePath(), 'paths')),
  pass_env: () => z.optional(list(passedVariable(), 'names of variables')),
  pidfile: () => z.optional(filePath()),
  daemonizes: () => z.optional(z.boolean({ error: 'true or false' })),
  start: () => z.optional(start()),
  log: () => z.optional(log()),
  umask: () => z.optional(umask()),
  nice: () => z.optional(whole(-20, 19)),
  oom_score_adj: () => z.optional(whole(-1000, 1000)),
  limits: () =>
    z.optional(
      map({
        nofile: () => z.optional(natural()),
        nproc: () => z.optional(naturalOrUnlimited()),
        core: () => z.optional(sizeOrUnlimited()),
        as: () => z.optional(sizeOrUnlimited()),
      }),
    ),
  ready: () => z.optional(ready()),
  stop: () => z.optional(stop()),
  restart: () => z.optional(restart()),
  busy: () => z.optional(busy()),
  heartbeat: () => z.optional(heartbeat()),
  max_count: () => z.optional(whole(1, 10_000)),
  backoff: () => z.optional(backoff()),
  recycle: () => z.optional(recycle()),
  lost_grace: () => z.optional(duration()),
  hooks: () => z.optional(hooks()),
};

const countOrIdentifiers = later(() =>
  rule((section: { count?: unknown; identifiers?: unknown }) =>
    section.count === undefined || section.identifiers === undefined
      ? undefined
      : 'found both count and identifiers; identifiers already say how many there are',
  ),
);

export const defaultsSchema = later(() => map(sharedShape, undefined, countOrIdentifiers()));
export const workerSchema = later(() =>
  map({ command: command(), ...sharedShape }, 'a map with a command', countOrIdentifiers()),
);

const workers = 'a map with at least one worker: its name, and below it its command';

export const configSchema = later(() =>
  map(
    {
      state_dir: () => z.optional(sharedPath()),
      log_dir: () => z.optional(sharedPath()),
      release: () => z.optional(release()),
      defaults: () => z.optional(defaultsSchema()),
      workers: z
        .record(name(), workerSchema(), { error: workers })
        .check(rule((all) => (Object.keys(all).length === 0 ? `expected ${workers}` : undefined))),
    },
    'a map with the key workers',
  ),
);

/** The keys of a worker as written, numbers still numbers. */
export type WorkerSection = z.output<ReturnType<typeof workerSchema>>;
export type SharedSection = z.output<ReturnType<typeof defaultsSchema>>;
export type ConfigFile = z.output<ReturnType<typeof configSchema>>;
