import { mkdirSync, readdirSync } from 'node:fs';
import { WorkerctlError } from '../../core/basics/error.ts';
import type { ProcessRef } from '../../core/model/instance.ts';
import { errnoOf, describeErrno } from '../files/errno.ts';
import { statsOf } from '../files/stats-of.ts';

/** Separates the instance from the run id in the names of an old process's files. */
const mark = '~';

/** What the names of a process's files begin with: `mail.1`, or `mail.1~2298f067` beside its replacement. */
export const baseOf = ({ instance, retiring }: ProcessRef): string =>
  retiring === undefined ? instance : `${instance}${mark}${retiring}`;

/** The process whose files begin with this. */
export function refOfBase(base: string): ProcessRef {
  const at = base.indexOf(mark);
  return at === -1
    ? { instance: base }
    : { instance: base.slice(0, at), retiring: base.slice(at + 1) };
}

/** The instance whose process, or old process, this file reports the death of; undefined: it is no such file. */
export const instanceOfExit = (file: string): string | undefined =>
  file.endsWith('.exit') ? refOfBase(file.slice(0, -'.exit'.length)).instance : undefined;

/** Whether a file belongs to an old process beside its replacement. */
export const isOfRetiring = (file: string): boolean => file.includes(mark);

/** Where a shim writes what a rename then publishes, and where files are kept that must not change the directory's time. */
export const stagingDirectory = (stateDir: string): string => `${stateDir}/.new`;

/** Who removes the pidfile after a death, by instance: see attended.ts. */
export const attendedFolder = (stateDir: string): string => `${stateDir}/attended`;
export const attendedPath = (stateDir: string, name: string): string =>
  `${attendedFolder(stateDir)}/${name}`;

/** The path of a file of a process, from the state directory and what the names of its files begin with. */
type PathOf = (stateDir: string, base: string) => string;

const pathOf =
  (kind: string): PathOf =>
  (stateDir, base) =>
    `${stateDir}/${base}.${kind}`; // path.join takes longer than reading the file

export const recordPath = pathOf('json');
/** Where the pidfiles are that the config does not place elsewhere. */
export const pidfilePath = pathOf('pid');
export const stopPath = pathOf('stop');
export const exitPath = pathOf('exit');
export const lockPath = pathOf('lock');
export const quietPath = pathOf('quiet');
export const dumpPath = pathOf('dump');
/** What the last dead process of an instance has left behind in its session. */
export const leftPath = pathOf('left');
/** That the process is about to be killed by us. */
export const killingPath = pathOf('kill');
export const readyPath = pathOf('ready');
export const successorPath = pathOf('successor');
/** Where the shim's shell reports a death by signal. */
export const shimNotesPath = pathOf('shim');

/**
 * The file that this run may touch or write to. A retiring process keeps its own. They have their own directory,
 * because a beat must not wake a process that watches the state directory.
 */
export const heartbeatPath = (stateDir: string, instance: string, runId: string): string =>
  `${stateDir}/${heartbeatName(instance, runId)}`;

/** The heartbeat file as `listStateFiles` names it; `base` is what the names of the process's other files begin with. */
export const heartbeatName = (base: string, runId: string): string =>
  heartbeatFile(`${refOfBase(base).instance}.${runId}`);

/**
 * The directory beside a heartbeat file in which further processes of the instance keep a heartbeat file each, while they
 * have jobs. Each process writes only its own, so none waits for a lock that another one holds.
 */
export const jobFolder = (heartbeat: string): string => `${heartbeat}.jobs`;

/** A file in the directory of heartbeats, as `listStateFiles` names it. */
export const heartbeatFile = (file: string): string => `${heartbeats}/${file}`;
const heartbeats = 'heartbeats';

export const heartbeatFolder = (stateDir: string): string => `${stateDir}/${heartbeats}`;

// These throw a WorkerctlError `state` (exit code 73) if the directory cannot be read.

/** The names of all instances that have a record, even if it is that of an old process. */
export const recordedInstances = (stateDir: string): readonly string[] =>
  listStateFiles(stateDir).instances;

/** The old processes beside their replacements that have a record. */
export const recordedRetiring = (stateDir: string): readonly ProcessRef[] =>
  listStateFiles(stateDir).retiring;

export function recordedProcesses(stateDir: string): ProcessRef[] {
  const { instances, retiring } = listStateFiles(stateDir);
  return [...instances.map((instance) => ({ instance })), ...retiring];
}

export interface StateFiles {
  readonly instances: readonly string[];
  /** The old processes beside their replacements that have a record. */
  readonly retiring: readonly ProcessRef[];
  /** The files of which most instances have none, and those of the directory of heartbeats. */
  readonly notes: ReadonlySet<string>;
}

export function listStateFiles(stateDir: string): StateFiles {
  const instances = new Set<string>();
  const retiring: ProcessRef[] = [];
  const notes = new Set<string>();
  for (const file of namesIn(stateDir)) {
    if (file.endsWith('.json')) {
      const base = file.slice(0, -'.json'.length);
      if (!/^[\w-]+\.[\w-]+(?:~[\w-]+)?$/.test(base)) continue;
      const ref = refOfBase(base);
      instances.add(ref.instance);
      if (ref.retiring !== undefined) retiring.push(ref);
    } else if (noteKinds.test(file)) notes.add(file);
    else if (file === heartbeats) for (const beat of heartbeatFiles(stateDir)) notes.add(beat);
  }
  return { instances: [...instances], retiring, notes };
}

/** Which files there may be, by their paths: to ask a set takes a tenth of the time that the file system takes. */
export interface Present {
  readonly has: (path: string) => boolean;
  /** Whether an old process beside its replacement has a file. */
  readonly hasRetiring: boolean;
}

/** Nothing is known. */
export const mayBePresent: Present = { has: () => true, hasRetiring: true };

/** The files in the state directory and in that of the heartbeats, as they are now. */
export function presentIn(stateDir: string): Present {
  const files = [...namesIn(stateDir), ...heartbeatFiles(stateDir)];
  const paths = new Set(files.map((file) => `${stateDir}/${file}`));
  return { has: (path) => paths.has(path), hasRetiring: files.some(isOfRetiring) };
}

/** The files of the directory of heartbeats, as `listStateFiles` names them. */
export const heartbeatFiles = (stateDir: string): string[] =>
  namesIn(heartbeatFolder(stateDir)).map(heartbeatFile);

/** Whether a file of `notes` is in the directory of heartbeats. */
export const isHeartbeatFile = (note: string): boolean => note.startsWith(`${heartbeats}/`);
const noteKinds = /\.(?:stop|quiet|ready|dump|kill|left|successor)$/;

function namesIn(stateDir: string): string[] {
  try {
    return readdirSync(stateDir);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw new WorkerctlError(
      'state',
      `state directory ${stateDir}: cannot be read: ${describeErrno(error)}`,
      {
        hint: 'run workerctl as the user who owns it, or set state_dir in the config',
        cause: error,
      },
    );
  }
}

/**
 * Makes the directory that shims write in. Without it no shim can publish its worker.
 * @throws WorkerctlError `state` if something else is in its place
 */
export function ensureStagingDirectory(stateDir: string): void {
  const path = stagingDirectory(stateDir);
  if (statsOf(path)?.isDirectory() === true) return;
  try {
    mkdirSync(path);
  } catch (error) {
    const found =
      errnoOf(error) === 'EEXIST' ? 'something else: move it away' : describeErrno(error);
    throw new WorkerctlError('state', `${path}: expected a directory, found ${found}`, {
      cause: error,
    });
  }
}
