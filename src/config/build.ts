import { dirname, join, resolve } from 'node:path';
import { hookNames, type Config, type ReleaseSource, type Worker } from '../core/model/config.ts';
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
  type HookKeys,
  type LogKeys,
  type ReadyKeys,
} from './schema/keys.ts';
import { defaultStateDir } from './find.ts';
import type { ConfigFile, SharedSection, WorkerSection } from './schema/keys.ts';
import { parseSize } from '../core/basics/bytes.ts';
import { escapedSpecifiers, unescapedSpecifiers } from './specifiers.ts';
import type { KeyPath } from './problems.ts';
import { splitWords } from './shell-words.ts';

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

/** How a value is written in the file. */
export type SourceOf = (path: KeyPath) => string | undefined;

/** The keys of a worker, commands as words and everything in them and in `env` as texts. */
export type Section = Omit<
  WorkerSection,
  'env' | 'identifiers' | 'command' | 'ready' | 'log' | 'hooks'
> & {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly identifiers: readonly string[] | undefined;
  readonly ready: ReadyKeys | undefined;
  readonly hooks: HookKeys | undefined;
  readonly log: LogKeys | undefined;
};

export type Defaults = Omit<Section, 'command'>;

export function textsOf(section: SharedSection, at: KeyPath, sourceOf: SourceOf): Defaults {
  const { env = {}, identifiers, ready, log, hooks, ...rest } = section;
  const variables = Object.entries(env).map(([key, value]) => [
    key,
    textOf(value, [...at, 'env', key], sourceOf),
  ]);
  return {
    ...rest,
    env: Object.fromEntries(variables) as Record<string, string>,
    identifiers: identifiers?.map((value, i) => textOf(value, [...at, 'identifiers', i], sourceOf)),
    ready: ready && withWords(ready, [...at, 'ready'], sourceOf),
    log: log && withWords(log, [...at, 'log'], sourceOf),
    hooks: hooks && hookKeys(hooks, [...at, 'hooks'], sourceOf),
  };
}

/** A number keeps the way in which it is written: 1.0 stays "1.0". */
const textOf = (value: string | number, at: KeyPath, sourceOf: SourceOf): string =>
  typeof value === 'string' ? value : (sourceOf(at) ?? String(value));

export function wordsOf(
  command: WorkerSection['command'],
  at: KeyPath,
  sourceOf: SourceOf,
): readonly string[] {
  if (typeof command !== 'string')
    return command.map((value, i) => textOf(value, [...at, i], sourceOf));
  const split = splitWords(command);
  return split.kind === 'words' ? split.words : [];
}

function hookKeys(
  { timeout, ...commands }: NonNullable<SharedSection['hooks']>,
  at: KeyPath,
  sourceOf: SourceOf,
): HookKeys {
  const words = hookNames.flatMap((name) => {
    const { [name]: command } = commands;
    return command === undefined ? [] : [[name, wordsOf(command, [...at, name], sourceOf)]];
  });
  return { ...(Object.fromEntries(words) as HookKeys), timeout };
}

/** The same keys, the command as words. */
function withWords<Keys extends { command?: WorkerSection['command'] | undefined }>(
  { command, ...rest }: Keys,
  at: KeyPath,
  sourceOf: SourceOf,
): Omit<Keys, 'command'> & { command?: readonly string[] } {
  if (command === undefined) return rest;
  return { ...rest, command: wordsOf(command, [...at, 'command'], sourceOf) };
}
