import { instanceNames } from '../core/model/instance.ts';
import { expandedReadiness, launchOf } from '../core/model/launch.ts';
import type { Config } from '../core/model/config.ts';
import { mountProblems } from '../host/process/mount-problem.ts';

/** A key of the config whose path is on a file system that does not answer. */
export interface SilentKey {
  readonly key: string;
  /** Undefined if it concerns all of them. */
  readonly worker?: string;
  readonly words: string;
}

interface KeyedPath {
  readonly key: string;
  readonly worker?: string;
  readonly path: string;
}

/** Asks the file systems that may hang for the paths in a config; on a host without such, reads only which ones there are. */
export async function silentKeys(read: () => Config, hostName: string): Promise<SilentKey[]> {
  let paths: KeyedPath[] = [];
  const problems = await mountProblems(() => {
    paths = pathsIn(read(), hostName);
    return paths.map(({ path }) => path);
  });
  const found = paths.flatMap(({ path, key, worker }): SilentKey[] => {
    const words = problems.get(path);
    return words === undefined ? [] : [{ key, words, ...(worker !== undefined && { worker }) }];
  });
  return [...new Map(found.map((one) => [one.key, one])).values()];
}

function pathsIn(config: Config, hostName: string): KeyedPath[] {
  const { release, stateDir, workers } = config;
  const own = workers.flatMap((worker) =>
    instanceNames(worker).flatMap((name): KeyedPath[] => {
      const launch = launchOf(worker, name, stateDir, hostName);
      const ready = expandedReadiness(worker.ready, worker, name, hostName);
      const [program = ''] = launch.command;
      const named = (key: string, path: string): KeyedPath => ({
        key: `workers.${worker.name}.${key}`,
        worker: worker.name,
        path,
      });
      return [
        named('directory', launch.directory),
        named('log.file', launch.logFile),
        ...(launch.errorFile === undefined ? [] : [named('log.error', launch.errorFile)]),
        named('pidfile', launch.pidfile),
        ...(ready.kind === 'file' ? [named('ready.file', ready.path)] : []),
        ...launch.envFiles.map((path) => named('env_files', path)),
        ...(program.startsWith('/') ? [named('command', program)] : []),
      ];
    }),
  );
  const released = release.kind === 'file' ? [{ key: 'release.file', path: release.path }] : [];
  return [{ key: 'state_dir', path: stateDir }, ...released, ...own];
}
