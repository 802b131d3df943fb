import { accessSync, constants, existsSync, statSync, type Stats } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { expandSpecifiers, instancesOf, type Instance } from '../core/model/instance.ts';
import type { Config } from '../core/model/config.ts';
import { wrapperWarning } from '../core/rules/wrappers.ts';

/** What a config needs to know of the host that it is checked on. */
export interface Host {
  readonly name: string;
  /** The PATH in which commands without a directory are looked up, unless the worker sets its own. */
  readonly path: string;
  /** Whether systemd runs it: then the output of a service is a socket. */
  readonly hasSystemd: boolean;
}

/** What is not an error in the config, but will prevent its workers from starting on this host; one line each. */
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
      return existsSync(release.path) ? [] : [`release.file: ${release.path} does not exist yet`];
    case 'command':
      return commandWarnings('release.command', release.command, dirname(path), host.path);
  }
}

/** The output of the process that starts the worker. */
const ownOutput = /^\/(?:dev|proc\/(?:self|thread-self))\/(?:stdout|stderr|fd\/\d+)$/;

const logWarning = (log: string): string =>
  `log.file: ${log} is a socket if systemd has started workerctl, and cannot be opened then; for its journal: log: { command: systemd-cat -t %n }`;

function instanceWarnings(instance: Instance, { stateDir }: Config, host: Host): string[] {
  const expand = (text: string) => expandSpecifiers(text, instance, host.name);
  const { worker } = instance;
  const { command, ready, log, stop } = worker;
  const directory = expand(worker.directory);
  const folder = dirname(expand(worker.pidfile));
  const ownPath = worker.env['PATH'];
  const searchPath = ownPath === undefined ? host.path : expand(ownPath);
  const envFiles = worker.envFiles.map(expand).filter((file) => !existsSync(file));
  const logFile = expand(worker.logFile);
  const wrapper = wrapperWarning(worker);
  const warningsOf = (key: string, words: readonly string[]) =>
    commandWarnings(key, words.map(expand), directory, searchPath);
  return [
    ...(wrapper === undefined ? [] : [`stop.to: ${wrapper}`]),
    ...(isFolder(directory)
      ? [
          ...warningsOf('command', command),
          ...(log?.kind === 'piped' ? warningsOf('log.command', log.command) : []),
          ...(ready.kind === 'command' ? warningsOf('ready.command', ready.command) : []),
          ...(typeof stop.quiet === 'object' ? warningsOf('stop.quiet', stop.quiet.command) : []),
          ...(typeof stop.resume === 'object'
            ? warningsOf('stop.resume', stop.resume.command)
            : []),
        ]
      : [`directory: ${directory} does not exist yet`]),
    ...(host.hasSystemd && log?.kind !== 'piped' && ownOutput.test(logFile)
      ? [logWarning(logFile)]
      : []),
    ...envFiles.map((file) => `env_files: ${file} does not exist yet`),
    ...(folder === stateDir || isFolder(folder)
      ? []
      : [`pidfile: the directory ${folder} does not exist yet`]),
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
    if (isExecutable(file)) return [];
    const isFile = is(file, (found) => found.isFile());
    return [
      `${key}: ${file} ${isFile ? `is not executable: chmod +x ${file}` : 'does not exist, or is not a file'}`,
    ];
  }
  const isFound = path
    .split(':')
    .some((dir) => isExecutable(resolve(directory, join(dir, program))));
  return isFound
    ? []
    : [`${key}: ${program} is not in the PATH (${path}); write its whole path, or set PATH in env`];
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return is(file, (found) => found.isFile());
  } catch {
    return false;
  }
}

const isFolder = (path: string): boolean => is(path, (found) => found.isDirectory());

/** False for what cannot be seen, such as a link that leads to itself. */
function is(path: string, test: (found: Stats) => boolean): boolean {
  try {
    return test(statSync(path));
  } catch {
    return false;
  }
}
