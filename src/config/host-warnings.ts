import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { expandSpecifiers, instancesOf, type Instance } from '../core/model/instance.ts';
import type { Config } from '../core/model/config.ts';

/** Where a config meets a host. */
export interface Host {
  readonly name: string;
  /** Where commands without a folder are looked for; a worker's own PATH comes first. */
  readonly path: string;
}

/** What is no mistake in the config, but will be in the way when its workers are started on this host. */
export function configWarnings(config: Config, host: Host): string[] {
  const warnings = config.workers.flatMap((worker) =>
    instancesOf(worker).flatMap((instance) =>
      instanceWarnings(instance, config, host).map((text) => `workers.${worker.name}.${text}`),
    ),
  );
  return [...new Set([...releaseWarnings(config, host), ...warnings])];
}

function releaseWarnings({ path, release }: Config, host: Host): string[] {
  switch (release.kind) {
    case 'directory':
      return [];
    case 'file':
      return existsSync(release.path)
        ? []
        : [`release.file: there is no file ${release.path} (yet)`];
    case 'command':
      return commandWarnings('release.command', release.command, dirname(path), host.path);
  }
}

function instanceWarnings(instance: Instance, { stateDir }: Config, host: Host): string[] {
  const expand = (text: string) => expandSpecifiers(text, instance, host.name);
  const { worker } = instance;
  const { command, ready, log } = worker;
  const directory = expand(worker.directory);
  const folder = dirname(expand(worker.pidfile));
  const ownPath = worker.env['PATH'];
  const searchPath = ownPath === undefined ? host.path : expand(ownPath);
  const envFiles = worker.envFiles.map(expand).filter((file) => !existsSync(file));
  const warningsOf = (key: string, words: readonly string[]) =>
    commandWarnings(key, words.map(expand), directory, searchPath);
  return [
    ...(isFolder(directory)
      ? [
          ...warningsOf('command', command),
          ...(log?.kind === 'piped' ? warningsOf('log.command', log.command) : []),
          ...(ready.kind === 'command' ? warningsOf('ready.command', ready.command) : []),
        ]
      : [`directory: there is no folder ${directory} (yet)`]),
    ...envFiles.map((file) => `env_files: there is no file ${file} (yet)`),
    ...(folder === stateDir || isFolder(folder)
      ? []
      : [`pidfile: there is no folder ${folder} (yet)`]),
  ];
}

function commandWarnings(
  key: string,
  [program = '']: readonly string[],
  directory: string,
  path: string,
): string[] {
  if (program.includes('/')) {
    const file = resolve(directory, program);
    return isExecutable(file) ? [] : [`${key}: ${file} is no file that can be run`];
  }
  const isFound = path
    .split(':')
    .some((dir) => isExecutable(resolve(directory, join(dir, program))));
  return isFound ? [] : [`${key}: "${program}" is not found in PATH (${path})`];
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

const isFolder = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
