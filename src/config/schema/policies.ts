import type {
  LogPolicy,
  Readiness,
  RecyclePolicy,
  ReleaseSource,
  Worker,
} from '../../core/model/config.ts';
import type { ConfigFile, WorkerKeys } from './keys.ts';

// Maps of the config that mean something else in the model than their keys one by one, in both directions.

export function readiness({
  after,
  log,
  file,
  command,
  notify,
  timeout,
}: WorkerKeys['ready']): Readiness {
  if (log !== undefined) return { kind: 'log', pattern: log, timeout };
  if (file !== undefined) return { kind: 'file', path: file, timeout };
  if (command !== undefined) return { kind: 'command', command, timeout };
  return notify === undefined ? { kind: 'after', after } : { kind: 'notify', timeout };
}

export function readyKeys(ready: Readiness): object {
  switch (ready.kind) {
    case 'after':
      return { after: ready.after };
    case 'log':
      return { log: ready.pattern, timeout: ready.timeout };
    case 'file':
      return { file: ready.path, timeout: ready.timeout };
    case 'command':
      return { command: ready.command, timeout: ready.timeout };
    case 'notify':
      return { notify: true, timeout: ready.timeout };
  }
}

export function logPolicy({ command, maxSize, keep }: WorkerKeys['log']): LogPolicy | undefined {
  if (command !== undefined) return { kind: 'piped', command };
  return maxSize === undefined ? undefined : { kind: 'rotated', maxSize, keep };
}

export function logKeys({ logFile: file, log }: Worker): object {
  switch (log?.kind) {
    case undefined:
      return { file };
    case 'piped':
      return { file, command: log.command };
    case 'rotated':
      return { file, maxSize: log.maxSize, keep: log.keep };
  }
}

/** None if no process would ever be recycled. */
export const recyclePolicy = (recycle: RecyclePolicy): RecyclePolicy | undefined =>
  recycle.memory === undefined && recycle.age === undefined && !recycle.outdated
    ? undefined
    : recycle;

export function releaseSource({
  command,
  file,
}: NonNullable<ConfigFile['release']> = {}): ReleaseSource {
  if (file !== undefined) return { kind: 'file', path: file };
  return command === undefined ? { kind: 'directory' } : { kind: 'command', command };
}

/** None for the directory, which no key names. */
export function releaseKeys(source: ReleaseSource): object | undefined {
  switch (source.kind) {
    case 'directory':
      return undefined;
    case 'file':
      return { file: source.path };
    case 'command':
      return { command: source.command };
  }
}
