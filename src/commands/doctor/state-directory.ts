import { accessSync, constants, existsSync, statSync, statfsSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { WorkerctlError } from '../../core/basics/error.ts';
import { shellWord } from '../../core/basics/shell-word.ts';
import { fine, problem, warning, type Findings } from '../../core/views/finding.ts';
import { launchOf, logFilesIn } from '../../core/model/launch.ts';
import { instanceNames } from '../../core/model/instance.ts';
import { fileSystemKind } from '../../core/protocols/mounts.ts';
import { describeErrno } from '../../host/files/errno.ts';
import { mountOf } from '../../host/process/process-table.ts';
import { stagingDirectory } from '../../host/state/paths.ts';
import { reservePath } from '../../host/state/reserve.ts';
import { accessHint, checkStateDirectory } from '../../host/state/state-directory.ts';
import { realPathOrSelf } from '../../host/files/real-path.ts';
import type { Config } from '../../core/model/config.ts';
import { releaseLink } from './links.ts';
import type { Examination } from './examination.ts';

/** Owner, mode and file system of the state directory, and the free space for it and for logs. */
export function stateDirectoryFindings(examination: Examination): Findings {
  const { stateDir } = examination.config;
  const about = `state directory ${stateDir}`;
  return [
    accessFinding(about, stateDir),
    fileSystemFinding(about, stateDir),
    releaseFinding(about, stateDir, examination.config),
    roomFindings(foldersOf(examination)),
    reserveFinding(stateDir),
  ];
}

function accessFinding(about: string, path: string): Findings {
  try {
    checkStateDirectory(path);
    const folder = nearestThere(path);
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    if (folder !== path) return fine(about, 'does not exist yet; the first start creates it');
    const mode = statSync(path).mode & 0o777;
    if ((mode & 0o020) === 0) return fine(about, `owned by this user, mode ${mode.toString(8)}`);
    return warning(about, `is writable for its group (mode ${mode.toString(8)})`, [
      'a member could pass off any process of this user as a worker, and have it stopped',
      `chmod g-w ${shellWord(path)}`,
    ]);
  } catch (error) {
    return problem(about, wordsOf(error, about), [
      'no command can act on the workers (exit code 73)',
      (error instanceof WorkerctlError && error.hint) || accessHint(error),
    ]);
  }
}

function wordsOf(error: unknown, about: string): string {
  if (!(error instanceof WorkerctlError)) return describeErrno(error);
  return error.message.replace(`${about}: `, '');
}

/** The directory itself, or the nearest directory above it that exists. */
export function nearestThere(path: string): string {
  const above = dirname(path);
  return existsSync(path) || above === path ? path : nearestThere(above);
}

/** The parent folders of releases, as deploy tools call them. */
const ofReleases = /^(?:releases?|versions)$/;

/** The names that deploy tools give releases: times, numbers, hashes. */
const likeRelease = /^(?:\d{8,17}|[0-9a-f]{7,40}|v?\d+(?:[._]\d+)*)$/;

/** Whether the state directory is replaced by each deploy. `current/.workerctl` may be a link into a shared folder. */
function releaseFinding(about: string, stateDir: string, config: Config): Findings {
  const real = realPathOrSelf(nearestThere(stateDir));
  const words = real.split('/');
  const within = words.findIndex(
    (word, at) => at > 0 && ofReleases.test(words[at - 1] ?? '') && word !== '',
  );
  const links = [stateDir, ...config.workers.map(({ directory }) => directory)].flatMap((path) => {
    const link = releaseLink(path);
    const target = link === undefined ? '' : realPathOrSelf(link);
    return likeRelease.test(basename(target)) && `${real}/`.startsWith(`${target}/`)
      ? [target]
      : [];
  });
  const release = within > 0 ? words.slice(0, within + 1).join('/') : links[0];
  if (release === undefined) return [];
  return problem(about, `is inside of a release, ${release}`, [
    'the next deploy begins with an empty one: workers are forgotten and started a second time',
    'set state_dir to a directory that all releases share, such as /srv/app/shared/workerctl',
  ]);
}

function fileSystemFinding(about: string, path: string): Findings {
  const type = mountOf(path)?.type ?? 'unknown';
  switch (fileSystemKind(type)) {
    case 'local':
      return [];
    case 'memory':
      return warning(about, `is in memory (${type}): a reboot empties it`, [
        'stops, holds, counts and an unfinished restart are forgotten at a reboot',
        'to keep them, set state_dir to a directory on disk',
      ]);
    case 'network':
      return warning(about, `is on a network file system (${type})`, [
        'its locks depend on a server, its pids are valid on one host only, and an outage blocks every command',
        'set state_dir to a directory on a local disk',
      ]);
    case 'foreign':
      return warning(about, `is on ${type}, which has no owners, FIFOs or sockets`, [
        'workerctl watch cannot run there, and all users may be able to write there',
        'set state_dir to a directory on a Linux file system',
      ]);
  }
}

/** The state directory and the directories of the logs, each file system once. */
function foldersOf({ config, hostName }: Examination): string[] {
  const logs = config.workers.flatMap((worker) =>
    instanceNames(worker).flatMap((name) =>
      logFilesIn(launchOf(worker, name, config.stateDir, hostName)),
    ),
  );
  const devices = new Map<number, string>();
  for (const folder of [config.stateDir, ...new Set(logs.filter(isOnDisk).map(dirname))].map(
    nearestThere,
  )) {
    const { dev } = statSync(folder);
    if (!devices.has(dev)) devices.set(dev, folder);
  }
  return [...devices.values()];
}

/** Whether a log is a file that grows: not /dev/null, /dev/stdout or /proc/1/fd/1. */
const isOnDisk = (log: string): boolean => !/^\/(?:dev|proc)\//.test(log);

/** Enough for the files of a thousand instances, and for a day of small logs. */
const lowBytes = 64 * 1024 * 1024;
const lowFiles = 1_000;

/** What statfs(2) says about a file system. */
export interface Room {
  readonly blocks: number;
  readonly bavail: number;
  readonly bsize: number;
  readonly files: number;
  readonly ffree: number;
}

/** Whether there is enough free space; `roomOf` is statfs(2). */
export function roomFindings(
  folders: readonly string[],
  roomOf: (folder: string) => Room = (folder) => statfsSync(folder),
): Findings {
  return folders.map((folder) => {
    const about = `free space for ${folder}`;
    const { bavail, bsize, blocks, ffree, files } = roomOf(folder);
    const bytes = blocks > 0 ? bavail * bsize : Infinity; // some file systems do not report their size
    const inodes = files > 0 ? ffree : Infinity;
    const found = `${megabytes(bytes)}, ${Number.isFinite(inodes) ? `${inodes} files` : 'unlimited files'}`;
    if (bytes === 0 || inodes === 0)
      return problem(about, `none: ${found}`, [
        'nothing can be started, and silent workers are not killed',
        'free some space',
      ]);
    if (bytes >= lowBytes && inodes >= lowFiles) return fine(about, found);
    return warning(about, `little: ${found}`, [
      'on a full disk nothing can be started, and silent workers are not killed',
      'free some space',
    ]);
  });
}

/** A pass makes it, and deletes it when the disk is full. */
function reserveFinding(stateDir: string): Findings {
  if (!existsSync(stagingDirectory(stateDir)) || existsSync(reservePath(stateDir))) return [];
  return warning(
    `reserve ${reservePath(stateDir)}`,
    'is missing: it was needed, or there is no space for it',
    [
      'on a full disk, stop, hold and rollout cancel fail without it (exit code 73)',
      'free some space; the next pass that acts makes it',
    ],
  );
}

const megabytes = (bytes: number): string =>
  Number.isFinite(bytes) ? `${Math.floor(bytes / 1024 / 1024)} MB` : 'unlimited';
