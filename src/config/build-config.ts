import { dirname, join, resolve } from 'node:path';
import type { Config, ReleaseSource, Worker } from '../core/worker.ts';
import {
  backoffPolicy,
  daemonizing,
  heartbeatPolicy,
  hookPolicy,
  lengthOf,
  logPolicy,
  mergedLog,
  mergedReady,
  readiness,
  recyclePolicy,
  restartPolicy,
  stopPolicy,
} from './build-policies.ts';
import { defaultStateDir } from './likely-state-dir.ts';
import type { ConfigFile } from './schema.ts';
import { textsOf, wordsOf, type Defaults, type Section, type SourceOf } from './section-texts.ts';
import { parseSize } from './size.ts';
import { escapedSpecifiers, unescapedSpecifiers } from './specifiers.ts';

interface Folders {
  /** The config file's folder. */
  readonly base: string;
  readonly stateDir: string;
  readonly logDir: string;
}

/** The Config that a checked file means: defaults merged and filled in, paths made absolute. */
export function buildConfig(path: string, file: ConfigFile, sourceOf: SourceOf): Config {
  const base = dirname(path);
  const stateDir = sharedPath(base, file.state_dir ?? defaultStateDir);
  const logDir = sharedPath(base, file.log_dir ?? 'log');
  const release = releaseOf(base, file.release, sourceOf);
  const defaults = textsOf(file.defaults ?? {}, ['defaults'], sourceOf);
  const workers = Object.entries(file.workers).map(([name, section]) => {
    const at = ['workers', name];
    const own = {
      ...textsOf(section, at, sourceOf),
      command: wordsOf(section.command, [...at, 'command'], sourceOf),
    };
    return worker(name, merged(defaults, own), { base, stateDir, logDir });
  });
  return { path, stateDir, release, workers };
}

function releaseOf(
  base: string,
  { command, file }: NonNullable<ConfigFile['release']> = {},
  sourceOf: SourceOf,
): ReleaseSource {
  if (file !== undefined) return { kind: 'file', path: sharedPath(base, file) };
  if (command === undefined) return { kind: 'directory' };
  const words = wordsOf(command, ['release', 'command'], sourceOf);
  return { kind: 'command', command: words.map(unescapedSpecifiers) };
}

/** A worker's own keys over the defaults; maps are merged key by key, lists are replaced. */
function merged(defaults: Defaults, own: Section): Section {
  const saysHowMany = own.count !== undefined || own.identifiers !== undefined;
  return {
    ...defaults,
    ...own,
    count: saysHowMany ? own.count : defaults.count,
    identifiers: saysHowMany ? own.identifiers : defaults.identifiers,
    env: { ...defaults.env, ...own.env },
    log: mergedLog(defaults.log, own.log),
    limits: { ...defaults.limits, ...own.limits },
    start: { ...defaults.start, ...own.start },
    stop: { ...defaults.stop, ...own.stop },
    ready: mergedReady(defaults.ready, own.ready),
    restart: { ...defaults.restart, ...own.restart },
    busy: { ...defaults.busy, ...own.busy },
    backoff: { ...defaults.backoff, ...own.backoff },
    recycle: { ...defaults.recycle, ...own.recycle },
    hooks: { ...defaults.hooks, ...own.hooks },
  };
}

function worker(name: string, section: Section, { base, stateDir, logDir }: Folders): Worker {
  const path = (text: string) => instancePath(base, text);
  const { pidfile, log } = section;
  const policy = logPolicy(log ?? {});
  const identifiers = section.identifiers ?? numbered(section.count ?? 1);
  return {
    name,
    command: section.command,
    identifiers,
    configured: identifiers,
    isCounted: section.identifiers === undefined,
    directory: path(section.directory ?? '.'),
    env: section.env,
    envFiles: (section.env_files ?? []).map(path),
    passEnv: [...new Set(section.pass_env)],
    pidfile: pidfile === undefined ? join(escapedSpecifiers(stateDir), '%n.pid') : path(pidfile),
    ...(section.daemonizes === true && { daemonizes: daemonizing(section.start ?? {}) }),
    logFile: log?.file === undefined ? join(escapedSpecifiers(logDir), '%n.log') : path(log.file),
    ...(policy && { log: policy }),
    umask: parseInt(section.umask ?? '022', 8),
    nice: section.nice ?? 0,
    oomScoreAdj: section.oom_score_adj ?? 0,
    limits: limitsOf(section.limits),
    stop: stopPolicy(section.stop ?? {}),
    ready: readiness(section.ready ?? {}, path),
    restart: restartPolicy(section.restart ?? {}),
    backoff: backoffPolicy(section.backoff ?? {}),
    ...(section.busy?.title !== undefined && { busyTitle: section.busy.title }),
    ...(section.heartbeat && { heartbeat: heartbeatPolicy(section.heartbeat) }),
    ...recyclePolicy(section.recycle ?? {}),
    lostGrace: lengthOf(section.lost_grace ?? '10s'),
    hooks: hookPolicy(section.hooks ?? {}),
    maxCount: section.max_count ?? 500,
  };
}

function numbered(count: number): string[] {
  const numbers: string[] = [];
  for (let number = 1; number <= count; number += 1) numbers.push(String(number));
  return numbers;
}

function limitsOf(limits: Section['limits']): Worker['limits'] {
  const entries = Object.entries({ nofile: 1024, ...limits }).map(([name, limit]) => {
    const isSize = typeof limit === 'string' && limit !== 'unlimited';
    return [name, isSize ? parseSize(limit) : limit];
  });
  return Object.fromEntries(entries) as Worker['limits'];
}

const sharedPath = (base: string, text: string): string => resolve(base, unescapedSpecifiers(text));

/** Symlinks are kept. The folder's own percent signs mean themselves, those of the text are specifiers. */
const instancePath = (base: string, text: string): string => resolve(escapedSpecifiers(base), text);
