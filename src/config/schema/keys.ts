import * as z from 'zod/mini';
import { later, map } from './values.ts';
import {
  ageOrNever,
  command,
  duration,
  durationOrNever,
  filePath,
  folderPath,
  identifier,
  list,
  name,
  natural,
  naturalOrUnlimited,
  passedVariable,
  positiveDuration,
  positiveSizeOrUnlimited,
  regexp,
  rotatedSize,
  rule,
  sharedCommand,
  sharedFile,
  sharedPath,
  sizeOrUnlimited,
  text,
  textOrNumber,
  umask,
  variableName,
  whole,
} from './values.ts';
import {
  stopSignals,
  quietSignals,
  leftoverRules,
  type BackoffPolicy,
  type Batch,
  type Daemonizing,
  type HeartbeatPolicy,
  type HookName,
  type HookPolicy,
  type LogPolicy,
  type QuietSignal,
  type Readiness,
  type RecyclePolicy,
  type RestartPolicy,
  type StopPolicy,
  type StopSignal,
} from '../../core/model/config.ts';
import { type Duration, parseDuration } from '../../core/basics/time.ts';
import { parseSize } from '../../core/basics/bytes.ts';

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
// The maps that say how a worker is started, stopped and replaced. What depends on the defaults, such as a resume
// without a quiet, shows only in the whole: see clashes.ts.
/** The ways in which a worker can show that it is ready. */
export const readyKinds = ['after', 'log', 'file', 'command', 'notify'] as const;

/** Pairs of keys of `ready` that cannot both be there. */
export const readyPairs: readonly (readonly [string, string])[] = [
  ...readyKinds.flatMap((kind, i) =>
    readyKinds.slice(i + 1).map((another) => [kind, another] as const),
  ),
  ['after', 'timeout'],
];

export const timeoutGoesWith = 'timeout goes with log, file or command';

export const ready = later(() =>
  map(
    {
      after: () => z.optional(duration()),
      log: () => z.optional(regexp()),
      file: () => z.optional(filePath()),
      command: () => z.optional(command()),
      notify: () => z.optional(z.literal(true, { error: 'true' })),
      timeout: () => z.optional(positiveDuration()),
    },
    undefined,
    rule((section: Readonly<Record<string, unknown>>) => {
      const pair = readyPairs.find((keys) => keys.every((key) => section[key] !== undefined));
      if (pair === undefined) return undefined;
      const why = pair[1] === 'timeout' ? timeoutGoesWith : 'one of them shows that it is ready';
      return `found both ${pair.join(' and ')}; ${why}`;
    }),
  ),
);
const signal = <Name extends string>(names: readonly Name[]) =>
  z.enum([...names, ...names.map((each) => `SIG${each}` as const)], {
    error: `one of ${names.join(', ')}`,
  });

export const stop = later(() =>
  map({
    signal: () => z.optional(signal(stopSignals)),
    quiet: () => z.optional(signal(quietSignals)),
    resume: () => z.optional(signal(quietSignals)),
    timeout: () => z.optional(durationOrNever()),
    leftovers: () =>
      z.optional(z.enum(leftoverRules, { error: `one of ${leftoverRules.join(', ')}` })),
  }),
);
const share = 'a whole number of at least 1, or a part from 1% to 100%';
const batch = later(() =>
  z.union(
    [
      z.int({ error: share }).check(z.minimum(1, { error: share })),
      text(/^(?:[1-9]\d?|100)%$/, share),
    ],
    { error: share },
  ),
);

export const restart = later(() =>
  map({
    canary: () => z.optional(z.literal([0, 1], { error: '0 or 1' })),
    batch: () => z.optional(batch()),
    patience: () => z.optional(duration()),
    overlap: () => z.optional(z.boolean({ error: 'true or false' })),
    max_extra: () => z.optional(whole(1, 500)),
  }),
);

export const busy = later(() => map({ title: () => z.optional(regexp()) }));

export const heartbeat = later(() =>
  map({
    timeout: positiveDuration(),
    dump: () => z.optional(signal(quietSignals)),
    grace: () => z.optional(duration()),
  }),
);

export const backoff = later(() =>
  map({
    initial: () => z.optional(positiveDuration()),
    max: () => z.optional(positiveDuration()),
    reset: () => z.optional(duration()),
  }),
);

export const start = later(() => map({ timeout: () => z.optional(positiveDuration()) }));

/** Pairs of keys of `log` that cannot both be there. */
export const logPairs: readonly (readonly [string, string])[] = [
  ['command', 'max_size'],
  ['command', 'keep'],
];

export const log = later(() =>
  map(
    {
      file: () => z.optional(filePath()),
      max_size: () => z.optional(rotatedSize()),
      keep: () => z.optional(whole(1, 1000)),
      command: () => z.optional(command()),
    },
    undefined,
    rule((section: Readonly<Record<string, unknown>>) => {
      const pair = logPairs.find((keys) => keys.every((key) => section[key] !== undefined));
      return (
        pair && `found both ${pair.join(' and ')}; a logger sees to the size of its files itself`
      );
    }),
  ),
);

export const recycle = later(() =>
  map({
    memory: () => z.optional(positiveSizeOrUnlimited()),
    age: () => z.optional(ageOrNever()),
    outdated: () => z.optional(z.boolean({ error: 'true or false' })),
    min_age: () => z.optional(duration()),
  }),
);

/** A restart is of all instances: none of them is meant. */
const workerCommand = later(() =>
  command().check(
    rule((value: string | readonly unknown[]) => {
      const found = /(?<!%)(?:%%)*(%[in])/.exec([value].flat().join(' '))?.[1];
      return found === undefined
        ? undefined
        : `found ${found}, which has no meaning here: a restart is of all instances`;
    }),
  ),
);

export const hooks = later(() =>
  map({
    lost: () => z.optional(command()),
    backoff: () => z.optional(command()),
    unresponsive: () => z.optional(command()),
    rollout: () => z.optional(workerCommand()),
    timeout: () => z.optional(positiveDuration()),
  }),
);

export const release = later(() =>
  map(
    {
      command: () => z.optional(sharedCommand()),
      file: () => z.optional(sharedFile()),
    },
    undefined,
    rule(({ command, file }: { command?: unknown; file?: unknown }) => {
      const isOne = (command === undefined) !== (file === undefined);
      if (isOne) return undefined;
      return `expected either command or file, found ${file === undefined ? 'neither' : 'both'}`;
    }),
  ),
);
type Keys<Name extends keyof SharedSection> = NonNullable<SharedSection[Name]>;

/** The keys of `ready`, its command as words. */
export type ReadyKeys = Omit<Keys<'ready'>, 'command'> & {
  readonly command?: readonly string[] | undefined;
};

/** The keys of `log`, its command as words. */
export type LogKeys = Omit<Keys<'log'>, 'command'> & {
  readonly command?: readonly string[] | undefined;
};

/** A worker's own logger takes the place of a rotation in the defaults, and the other way round. */
export function mergedLog(defaults: LogKeys = {}, own: LogKeys = {}): LogKeys {
  const { file, command, max_size: maxSize, keep } = defaults;
  const isRotated = own.max_size !== undefined || own.keep !== undefined;
  if (own.command !== undefined) return { file, ...own };
  return { file, ...(!isRotated && { command }), max_size: maxSize, keep, ...own };
}

export function logPolicy({ command, max_size: maxSize, keep }: LogKeys): LogPolicy | undefined {
  if (command !== undefined) return { kind: 'piped', command };
  if (maxSize === undefined) return undefined;
  return { kind: 'rotated', maxSize: bytesOf(maxSize), keep: keep ?? 5 };
}

function bytesOf(size: number | string): number {
  const bytes = typeof size === 'string' ? parseSize(size) : size;
  if (bytes === undefined) throw new Error(`not checked by the schema: ${size}`);
  return bytes;
}

/** A worker's own kind takes the place of that of the defaults; the timeout holds for whatever kind there is. */
export function mergedReady(defaults: ReadyKeys = {}, own: ReadyKeys = {}): ReadyKeys {
  const hasKind = readyKinds.some((kind) => own[kind] !== undefined);
  return { ...(hasKind ? { timeout: defaults.timeout } : defaults), ...own };
}

export function readiness(keys: ReadyKeys, pathOf: (text: string) => string): Readiness {
  const { after, log, file, command, notify } = keys;
  const timeout = lengthOf(keys.timeout ?? '60s');
  if (log !== undefined) return { kind: 'log', pattern: log, timeout };
  if (file !== undefined) return { kind: 'file', path: pathOf(file), timeout };
  if (command !== undefined) return { kind: 'command', command, timeout };
  if (notify !== undefined) return { kind: 'notify', timeout };
  return { kind: 'after', after: lengthOf(after ?? '1s') };
}

export function stopPolicy(keys: Keys<'stop'>): StopPolicy {
  const { signal, quiet, resume, timeout, leftovers } = keys;
  return {
    signal: withoutPrefix<StopSignal>(signal ?? 'TERM'),
    ...(quiet !== undefined && { quiet: withoutPrefix<QuietSignal>(quiet) }),
    ...(resume !== undefined && { resume: withoutPrefix<QuietSignal>(resume) }),
    ...(timeout !== undefined && timeout !== 'never' && { timeout: lengthOf(timeout) }),
    ...(leftovers !== undefined && leftovers !== 'leave' && { leftovers }),
  };
}

export const daemonizing = ({ timeout }: Keys<'start'>): Daemonizing => ({
  timeout: lengthOf(timeout ?? '60s'),
});

export function restartPolicy(keys: Keys<'restart'>): RestartPolicy {
  return {
    canary: keys.canary !== 0,
    batch: batchOf(keys.batch ?? '100%'),
    patience: lengthOf(keys.patience ?? '30s'),
    overlap: keys.overlap ?? false,
    maxExtra: keys.max_extra ?? 1,
  };
}

export function backoffPolicy({ initial, max, reset }: Keys<'backoff'>): BackoffPolicy {
  return {
    initial: lengthOf(initial ?? '1s'),
    max: lengthOf(max ?? '5m'),
    reset: lengthOf(reset ?? '10m'),
  };
}

/** Nothing where no process would ever be worn. */
export function recyclePolicy(keys: Keys<'recycle'>): { recycle?: RecyclePolicy } {
  const { memory, age, outdated = false, min_age: minAge = '1m' } = keys;
  const bytes = typeof memory === 'string' ? parseSize(memory) : memory;
  const oldest = age === undefined || age === 'never' ? undefined : lengthOf(age);
  if (bytes === undefined && oldest === undefined && !outdated) return {};
  return {
    recycle: {
      ...(bytes !== undefined && { memory: bytes }),
      ...(oldest !== undefined && { age: oldest }),
      outdated,
      minAge: lengthOf(minAge),
    },
  };
}

export function heartbeatPolicy({ timeout, dump, grace }: Keys<'heartbeat'>): HeartbeatPolicy {
  return {
    timeout: lengthOf(timeout),
    ...(dump !== undefined && { dump: withoutPrefix<QuietSignal>(dump) }),
    grace: lengthOf(grace ?? '2s'),
  };
}

/** The keys of `hooks`, their commands as words. */
export type HookKeys = Readonly<Partial<Record<HookName, readonly string[]>>> & {
  readonly timeout?: string | undefined;
};

export const hookPolicy = ({ timeout, ...commands }: HookKeys): HookPolicy => ({
  ...commands,
  timeout: lengthOf(timeout ?? '30s'),
});
const withoutPrefix = <Name extends string>(name: Name | `SIG${Name}`): Name =>
  name.replace(/^SIG/, '') as Name;
const batchOf = (batch: number | string): Batch =>
  typeof batch === 'number'
    ? { kind: 'count', count: batch }
    : { kind: 'percent', percent: parseInt(batch, 10) };

export function lengthOf(text: string): Duration {
  const length = parseDuration(text);
  if (length === undefined) throw new Error(`not checked by the schema: ${text}`);
  return length;
}
