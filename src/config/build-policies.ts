import { parseDuration, type Duration } from '../core/time.ts';
import type {
  BackoffPolicy,
  Batch,
  Daemonizing,
  HeartbeatPolicy,
  HookPolicy,
  LogPolicy,
  QuietSignal,
  Readiness,
  RecyclePolicy,
  RestartPolicy,
  StopPolicy,
  StopSignal,
} from '../core/worker.ts';
import type { HookName } from '../core/worker.ts';
import { readyKinds } from './policy-schema.ts';
import type { SharedSection } from './schema.ts';
import { parseSize } from './size.ts';

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
