import { dirname, join, resolve } from 'node:path';
import { durationOf, parseDuration } from '../core/time.ts';
import type { Config, LimitName, StopSignal, Worker } from '../core/worker.ts';
import type { KeyPath } from './problem.ts';
import type { ConfigFile, SharedSection, WorkerSection } from './schema.ts';
import { parseSize } from './size.ts';
import { escapedSpecifiers } from './specifiers.ts';
import { splitWords } from './words.ts';

/** A worker's keys with its texts as texts: a number as it is written in the file. */
export type SourceOf = (path: KeyPath) => string | undefined;

interface Folders {
  /** The config file's folder. */
  readonly base: string;
  readonly stateDir: string;
  readonly logDir: string;
}

type Section = Omit<WorkerSection, 'env' | 'identifiers' | 'command'> & {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly identifiers: readonly string[] | undefined;
};
type Defaults = Omit<Section, 'command'>;

/** The Config that a checked file means: defaults merged and filled in, paths made absolute. */
export function buildConfig(path: string, file: ConfigFile, sourceOf: SourceOf): Config {
  const base = dirname(path);
  const stateDir = sharedPath(base, file.state_dir ?? '.workerctl');
  const logDir = sharedPath(base, file.log_dir ?? 'log');
  const defaults = textsOf(file.defaults ?? {}, ['defaults'], sourceOf);
  const workers = Object.entries(file.workers).map(([name, section]) => {
    const at = ['workers', name];
    const own = {
      ...textsOf(section, at, sourceOf),
      command: commandOf(section.command, at, sourceOf),
    };
    return worker(name, merged(defaults, own), { base, stateDir, logDir });
  });
  return { path, stateDir, workers };
}

function textsOf(section: SharedSection, at: KeyPath, sourceOf: SourceOf): Defaults {
  const { env = {}, identifiers, ...rest } = section;
  const variables = Object.entries(env).map(([key, value]) => [
    key,
    textOf(value, [...at, 'env', key], sourceOf),
  ]);
  return {
    ...rest,
    env: Object.fromEntries(variables) as Record<string, string>,
    identifiers: identifiers?.map((value, i) => textOf(value, [...at, 'identifiers', i], sourceOf)),
  };
}

/** A number keeps the way in which it is written: 1.0 stays "1.0". */
const textOf = (value: string | number, at: KeyPath, sourceOf: SourceOf): string =>
  typeof value === 'string' ? value : (sourceOf(at) ?? String(value));

function commandOf(command: WorkerSection['command'], at: KeyPath, sourceOf: SourceOf) {
  if (typeof command !== 'string')
    return command.map((value, i) => textOf(value, [...at, 'command', i], sourceOf));
  const split = splitWords(command);
  return split.kind === 'words' ? split.words : [];
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
    log: { ...defaults.log, ...own.log },
    limits: { ...defaults.limits, ...own.limits },
    stop: { ...defaults.stop, ...own.stop },
    ready: { ...defaults.ready, ...own.ready },
  };
}

function worker(name: string, section: Section, { base, stateDir, logDir }: Folders): Worker {
  const path = (text: string) => instancePath(base, text);
  const { pidfile, log } = section;
  return {
    name,
    command: section.command,
    identifiers: section.identifiers ?? numbered(section.count ?? 1),
    directory: path(section.directory ?? '.'),
    env: section.env,
    envFiles: (section.env_files ?? []).map(path),
    passEnv: [...new Set(section.pass_env)],
    pidfile: pidfile === undefined ? join(escapedSpecifiers(stateDir), '%n.pid') : path(pidfile),
    logFile: log?.file === undefined ? join(escapedSpecifiers(logDir), '%n.log') : path(log.file),
    umask: parseInt(section.umask ?? '022', 8),
    nice: section.nice ?? 0,
    oomScoreAdj: section.oom_score_adj ?? 0,
    limits: limitsOf(section.limits),
    stop: { signal: (section.stop?.signal ?? 'TERM').replace(/^SIG/, '') as StopSignal },
    ready: { after: parseDuration(section.ready?.after ?? '1s') ?? durationOf(1000) },
  };
}

const numbered = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => String(i + 1));

function limitsOf(limits: Section['limits']): Worker['limits'] {
  const entries = Object.entries({ nofile: 1024, ...limits }).map(([name, limit]) => {
    const value = limit === 'unlimited' ? Infinity : limit;
    return [name, typeof value === 'string' ? parseSize(value) : value];
  });
  return Object.fromEntries(entries) as Partial<Record<LimitName, number>>;
}

const sharedPath = (base: string, text: string): string => resolve(base, text.replace(/%%/g, '%'));

/** Symlinks are kept. The folder's own percent signs mean themselves, those of the text are specifiers. */
const instancePath = (base: string, text: string): string => resolve(escapedSpecifiers(base), text);
