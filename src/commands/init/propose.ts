import { dirname, isAbsolute, join } from 'node:path';
import { escapedSpecifiers } from '../../config/specifiers.ts';
import { workerPath } from '../../core/model/launch.ts';
import { programsOf, resolveCommand, type Surroundings } from './command-line.ts';
import { isMap, type Draft, type DraftWorker } from './draft.ts';
import { envFileOf, frameworkVariables, type EnvFileFound } from './environment.ts';
import { impliedPackages } from './frameworks.ts';
import type { Note, TextFile, Value, WorkerKeys } from './found.ts';
import { layoutOf, type Layout } from './layout.ts';
import { namedOnce, type Named } from './names.ts';
import { packageFileNames, packagesIn, type Package } from './packages.ts';
import { withPreset } from './presets.ts';
import { openProject, type Project } from './project.ts';
import { readNamed, readProject, type Found, type Run } from './read-sources.ts';
import { pathFor } from './search-path.ts';
import { merged } from './sources/carry.ts';
import { scriptsOf } from './sources/package-json.ts';

export interface ProposeOptions {
  /** The project; absolute, with its links. */
  readonly folder: string;
  /** The config that is about to be written; absolute. */
  readonly config: string;
  /** The only file to read, if one was named. */
  readonly from?: string | undefined;
  readonly run: Run;
  /** The PATH of the caller. */
  readonly callerPath: string;
  readonly caller: Caller;
}

/** The user who runs this. */
export interface Caller {
  readonly name: string;
  readonly isRoot: boolean;
}

/** What is about to be written, and what could not be carried over. */
export interface Proposal {
  readonly draft: Draft;
  /** The files by which the workers are known. */
  readonly files: readonly string[];
  readonly leftOut: readonly Note[];
}

/** What holds for all workers of a project. */
interface Setting {
  readonly project: Project;
  readonly packages: readonly Package[];
  readonly layout: Layout | undefined;
  readonly envFile: EnvFileFound;
  /** A path of the project as the config has it. */
  readonly pathOf: (path: string) => string;
  readonly surroundings: Surroundings;
  readonly caller: Caller;
}

/**
 * A config for what a project has. Reads files only, unless `run` allows more.
 * @throws WorkerctlError `failed` if the file that was named cannot be used
 */
export async function propose(options: ProposeOptions): Promise<Proposal> {
  const layout = layoutOf(openProject(options.folder));
  const project = openProject(options.folder, layout?.directory);
  const files = packageFileNames.flatMap((name) => project.file(name) ?? []);
  const packages = [...impliedPackages(project), ...packagesIn(files)];
  const found =
    options.from === undefined
      ? await readProject(project, packages, options.run)
      : await readNamed(project, options.from, options.run);
  const setting = { ...settingOf(project, files, layout, options), packages };
  const { draft, leftOut } = draftOf(namedOnce(found.workers), setting, options);
  return { draft, files: found.files, leftOut: inOrder(found, setting, project, leftOut) };
}

const inOrder = (
  found: Found,
  { envFile }: Setting,
  project: Project,
  names: readonly Note[],
): readonly Note[] =>
  [...found.leftOut, ...names, ...envFile.leftOut, ...project.unread()].sort(
    (a, b) => a.file.localeCompare(b.file) || (a.line ?? 0) - (b.line ?? 0),
  );

function settingOf(
  project: Project,
  files: readonly TextFile[],
  layout: Layout | undefined,
  { folder, config, caller }: ProposeOptions,
): Omit<Setting, 'packages'> {
  const manifest = files.find(({ path }) => path === 'package.json');
  const base = layout?.directory ?? folder;
  const isBeside = dirname(config) === folder;
  return {
    project,
    layout,
    caller,
    envFile: envFileOf(project),
    pathOf: (path) => (isAbsolute(path) || isBeside ? path : join(escapedSpecifiers(base), path)),
    surroundings: {
      scripts: manifest === undefined ? new Map() : scriptsOf(manifest),
      hasVenv: ['.venv', 'venv'].some((name) => project.has(`${name}/bin`)),
    },
  };
}

function draftOf(
  named: readonly Named[],
  setting: Setting,
  { folder, config, callerPath }: ProposeOptions,
): { readonly draft: Draft; readonly leftOut: readonly Note[] } {
  const { layout } = setting;
  const workers = named.map((one) => draftWorker(one, setting));
  const isOwn = dirname(config) === folder && layout?.directory === undefined;
  const defaults: WorkerKeys =
    workers.length === 0
      ? {}
      : {
          ...(!isOwn && { directory: escapedSpecifiers(layout?.directory ?? folder) }),
          ...envKeys(workers, setting, callerPath),
          ...(setting.envFile.path !== undefined && {
            env_files: [setting.pathOf(setting.envFile.path)],
          }),
        };
  const draft: Draft = {
    stateDir: layout ? escapedSpecifiers(layout.stateDir) : setting.pathOf('.workerctl'),
    logDir: layout ? escapedSpecifiers(layout.logDir) : setting.pathOf('log'),
    comments: layout === undefined ? [] : [`Outside of the releases, which ${layout.from} shows.`],
    defaults,
    workers,
  };
  const renamed = named.flatMap(({ worker, renamed: words }) =>
    words === undefined ? [] : [{ ...worker.at, words }],
  );
  return { draft, leftOut: [...renamed, ...ownerNotes(named, setting.caller)] };
}

/** The variables of all workers, with a PATH if programs would not be found without. */
function envKeys(
  workers: readonly DraftWorker[],
  { project, packages, envFile, layout }: Setting,
  callerPath: string,
): WorkerKeys {
  const isSet = (name: string): boolean =>
    envFile.names.has(name) ||
    workers.every(({ keys: { env } }) => isMap(env) && Object.hasOwn(env, name));
  const programs = workers.flatMap(({ keys }) => programsOf((keys['command'] ?? '') as string));
  const parts = pathFor(programs, project, callerPath).map(({ folder }) =>
    folder.startsWith(`${project.folder}/`)
      ? join(layout?.directory ?? project.folder, folder.slice(project.folder.length + 1))
      : folder,
  );
  const path =
    parts.length === 0 || isSet('PATH')
      ? {}
      : { PATH: escapedSpecifiers([...parts, workerPath].join(':')) };
  const env = { ...frameworkVariables(project, packages, isSet), ...path };
  return Object.keys(env).length === 0 ? {} : { env };
}

function draftWorker({ worker, name, renamed }: Named, setting: Setting): DraftWorker {
  const resolved = resolveCommand(worker.command, setting.surroundings);
  const own: WorkerKeys = {
    ...(Object.keys(resolved.env).length > 0 && { env: resolved.env }),
    ...(resolved.directory !== undefined &&
      worker.keys['directory'] === undefined && { directory: resolved.directory }),
  };
  const preset = withPreset(resolved.command, merged(worker.keys, own), setting.packages);
  const keys = withPaths(withOwner(preset.keys, setting.caller), setting.pathOf);
  const comments = [
    ...(renamed === undefined ? [] : [renamed]),
    ...worker.notes,
    ...resolved.notes,
    ...preset.comments,
    ...unsetNotes(resolved.command, keys, setting.envFile.names),
  ];
  const { at, why } = worker;
  const { name: presetName } = preset;
  const named = presetName === undefined ? {} : { preset: presetName };
  return { name, at, why, keys: { ...named, command: resolved.command, ...keys }, comments };
}

/** Only root can start workers of other users. */
function withOwner(keys: WorkerKeys, caller: Caller): WorkerKeys {
  const { user, group, ...others } = keys;
  if (!caller.isRoot || user === undefined) return others;
  return { ...others, user, ...(group !== undefined && { group }) };
}

/** Workers of users that the caller is not, and cannot start. */
const ownerNotes = (named: readonly Named[], caller: Caller): readonly Note[] =>
  named.flatMap(({ worker: { name, at, keys } }) => {
    const [user, group] = [keys['user'], keys['group']].map((one) =>
      typeof one === 'string' ? one : undefined,
    );
    if (user === undefined && group === undefined) return [];
    if (user === caller.name || (caller.isRoot && user !== undefined)) return [];
    const who = user === undefined ? `with the group ${group ?? ''}` : `as ${user}`;
    const as = user === undefined ? '' : `: sudo -u ${user} workerctl ...`;
    const words = `${name} ran ${who}; here it runs as the user who runs workerctl${as}; only root can set user and group`;
    return [{ ...at, words }];
  });

/** The paths of a worker from the config. */
function withPaths(keys: WorkerKeys, pathOf: (path: string) => string): WorkerKeys {
  const each = (value: Value): Value => (typeof value === 'string' ? pathOf(value) : value);
  const { directory, pidfile, env_files: files, log, ...others } = keys;
  return {
    ...others,
    ...(directory !== undefined && { directory: each(directory) }),
    ...(pidfile !== undefined && { pidfile: each(pidfile) }),
    ...(Array.isArray(files) && { env_files: (files as readonly Value[]).map(each) }),
    ...(isMap(log) && {
      log: {
        ...log,
        ...(log['file'] !== undefined && { file: each(log['file']) }),
        ...(log['error'] !== undefined && { error: each(log['error']) }),
      },
    }),
  };
}

/** Variables that the shell of a command replaces, and that nothing sets. */
function unsetNotes(
  command: string | readonly string[],
  { env, pass_env: passed }: WorkerKeys,
  known: ReadonlySet<string>,
): readonly string[] {
  if (typeof command === 'string') return [];
  const script = command.join(' ');
  const used = [...script.matchAll(/\$(?:\{(\w+)\}|([A-Za-z_]\w*))/g)].map(
    ([, braced, bare = '']) => braced ?? bare,
  );
  const base = ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG'];
  const unset = [...new Set(used)].filter(
    (name) =>
      !base.includes(name) &&
      !known.has(name) &&
      !(isMap(env) && Object.hasOwn(env, name)) &&
      !(Array.isArray(passed) && passed.includes(name)) &&
      !new RegExp(`(?:^|[\\s;&])${name}=(?!\\$)`).test(script),
  );
  return unset.map((name) => `$${name} is not set here: put it under env, or into an env file.`);
}
