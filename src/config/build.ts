import { join } from 'node:path';
import {
  notifiedByDefault,
  type Config,
  type LogPolicy,
  type NotifyPolicy,
  type Readiness,
  type ReadySign,
  type ReleaseSource,
  type SecretPlace,
  type Worker,
} from '../core/model/config.ts';
import { mergedWorker } from './preset-slots.ts';
import { workerSection, type ConfigFile, type WorkerKeys } from './schema/keys.ts';
import type { Reading } from './schema/value-type.ts';
import { escapedSpecifiers, usualPidfile } from './specifiers.ts';
import type { Slot } from './yaml/tree.ts';

/** The Config that a checked file means; `root` is the same file as it is written. */
export function buildConfig(path: string, file: ConfigFile, root: Slot, reading: Reading): Config {
  const workers = Object.entries(file.workers).map(([name, own]) => {
    const merged = mergedWorker(root, name);
    const at = { ...reading, path: ['workers', name] };
    const keys = merged && workerSection.read(merged, at);
    return worker(name, keys ?? own, file);
  });
  const { stateDir, release, notify } = file;
  return {
    path,
    stateDir,
    release: releaseSource(release),
    workers,
    ...(notify !== undefined && { notify: notifyPolicy(notify) }),
  };
}

function worker(name: string, keys: WorkerKeys, { stateDir, logDir }: ConfigFile): Worker {
  const {
    count,
    identifiers = Array.from({ length: count }, (_, index) => String(index + 1)),
    env = {},
    envFiles = [],
    passEnv = [],
    successCodes = [0],
    pidfile = usualPidfile(stateDir),
    user,
    group,
    daemonizes,
    start,
    log,
    ready,
    busy,
    recycle,
    limits: { memoryMax, cpu, ...limits },
    ...rest
  } = keys;
  const policy = logPolicy(log);
  const isRecycled = recycle.memory !== undefined || recycle.age !== undefined || recycle.outdated;
  return {
    name,
    identifiers,
    configured: identifiers,
    isCounted: keys.identifiers === undefined,
    env,
    envFiles,
    successCodes,
    passEnv: [...new Set(passEnv)],
    pidfile,
    ...(user !== undefined && { runAs: { user, ...(group !== undefined && { group }) } }),
    ...(daemonizes && { daemonizes: { timeout: start.timeout } }),
    ...(start.parallel !== undefined && { startsAtOnce: start.parallel }),
    logFile: log.file ?? join(escapedSpecifiers(logDir), '%n.log'),
    ...(log.error !== undefined && { errorFile: log.error }),
    ...(policy && { log: policy }),
    ready: readiness(ready),
    ...(busy.title !== undefined && { busyTitle: busy.title }),
    ...(isRecycled && { recycle }),
    limits,
    ...((memoryMax ?? cpu) !== undefined && {
      cgroup: { ...(memoryMax !== undefined && { memoryMax }), ...(cpu !== undefined && { cpu }) },
    }),
    ...rest,
  };
}

const readiness = (keys: WorkerKeys['ready']): Readiness => ({
  ...readySign(keys),
  ...(keys.stay !== undefined && { stay: keys.stay }),
});

function readySign(keys: WorkerKeys['ready']): ReadySign {
  const { after, log, file, command, notify, timeout } = keys;
  if (log !== undefined) return { kind: 'log', pattern: log, timeout };
  if (file !== undefined) return { kind: 'file', path: file, timeout };
  if (command !== undefined) return { kind: 'command', command, timeout };
  return notify === undefined ? { kind: 'after', after } : { kind: 'notify', timeout };
}

function logPolicy({ command, maxSize, keep }: WorkerKeys['log']): LogPolicy | undefined {
  if (command !== undefined) return { kind: 'piped', command };
  return maxSize === undefined ? undefined : { kind: 'rotated', maxSize, keep };
}

function releaseSource({ command, file }: ConfigFile['release'] = {}): ReleaseSource {
  if (file !== undefined) return { kind: 'file', path: file };
  return command === undefined ? { kind: 'directory' } : { kind: 'command', command };
}

function notifyPolicy({ on = notifiedByDefault, webhook, ...rest }: NotifyKeys): NotifyPolicy {
  if (webhook === undefined) return { on, ...rest };
  const { url, headers, format } = webhook;
  const place = secretPlace(url);
  const lines = headers && secretPlace(headers);
  if (place === undefined) return { on, ...rest }; // it was reported
  return { on, ...rest, webhook: { format, url: place, ...(lines && { headers: lines }) } };
}

function secretPlace({ file, env }: SecretKeys): SecretPlace | undefined {
  if (file !== undefined) return { kind: 'file', path: file };
  return env === undefined ? undefined : { kind: 'env', name: env };
}

type NotifyKeys = NonNullable<ConfigFile['notify']>;
type SecretKeys = NonNullable<NotifyKeys['webhook']>['url'];
