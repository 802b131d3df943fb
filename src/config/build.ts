import { dirname, join } from 'node:path';
import type { Config, Worker } from '../core/model/config.ts';
import { configSection, workerSection, type ConfigFile, type WorkerFile } from './schema/keys.ts';
import { logPolicy, readiness, recyclePolicy, releaseSource } from './schema/policies.ts';
import { filled, mergedKeys } from './schema/section.ts';
import { escapedSpecifiers } from './specifiers.ts';

interface Folders {
  /** The config file's folder. */
  readonly base: string;
  readonly stateDir: string;
  readonly logDir: string;
}

/** The Config that a checked file means, with the defaults of the file and of the table. */
export function buildConfig(path: string, file: ConfigFile): Config {
  const base = dirname(path);
  const { stateDir, logDir } = filled(
    { state_dir: configSection.keys.state_dir, log_dir: configSection.keys.log_dir },
    file,
    base,
  );
  const workers = Object.entries(file.workers).map(([name, own]) => {
    const keys = mergedKeys(workerSection, file.defaults ?? {}, own);
    return worker(name, keys, { base, stateDir, logDir });
  });
  return { path, stateDir, release: releaseSource(file.release), workers };
}

function worker(name: string, section: WorkerFile, { base, stateDir, logDir }: Folders): Worker {
  const {
    count,
    identifiers = Array.from({ length: count }, (_, index) => String(index + 1)),
    env = {},
    envFiles = [],
    passEnv = [],
    pidfile = join(escapedSpecifiers(stateDir), '%n.pid'),
    daemonizes,
    start,
    log,
    ready,
    busy,
    recycle,
    ...rest
  } = filled(workerSection.keys, section, base);
  const policy = logPolicy(log);
  const recycling = recyclePolicy(recycle);
  return {
    name,
    identifiers,
    configured: identifiers,
    isCounted: section.identifiers === undefined,
    env,
    envFiles,
    passEnv: [...new Set(passEnv)],
    pidfile,
    ...(daemonizes && { daemonizes: start }),
    logFile: log.file ?? join(escapedSpecifiers(logDir), '%n.log'),
    ...(policy && { log: policy }),
    ready: readiness(ready),
    ...(busy.title !== undefined && { busyTitle: busy.title }),
    ...(recycling && { recycle: recycling }),
    ...rest,
  };
}
