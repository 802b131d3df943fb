import { expandSpecifiers, instancesOf } from '../core/model/instance.ts';
import type { Config, Worker } from '../core/model/config.ts';
import type { Problem } from './problems.ts';
import { asWritten, type KeyOf } from './written.ts';
import type { Slot } from './yaml/tree.ts';

/** A host name that no path can hold. */
const anyHost = '\0';

/** A file that each instance must have for itself, and where the config names it. */
interface OwnFile {
  readonly worker: Worker;
  /** What it is; files of different kinds do not collide. */
  readonly kind: 'pidfile' | 'ready_file' | 'ready_log' | 'rotated_log' | 'rotated_error';
  /** Holds specifiers. */
  readonly path: string;
  readonly key: KeyOf;
}

function ownFiles(worker: Worker): OwnFile[] {
  const { ready, log, logFile, errorFile, pidfile } = worker;
  const logKey: KeyOf = ['log', 'file'];
  const files: OwnFile[] = [{ worker, kind: 'pidfile', path: pidfile, key: ['pidfile'] }];
  if (ready.kind === 'file')
    files.push({ worker, kind: 'ready_file', path: ready.path, key: ['ready', 'file'] });
  if (ready.kind === 'log') files.push({ worker, kind: 'ready_log', path: logFile, key: logKey });
  if (log?.kind === 'rotated')
    files.push({ worker, kind: 'rotated_log', path: logFile, key: logKey });
  if (log?.kind === 'rotated' && errorFile !== undefined)
    files.push({ worker, kind: 'rotated_error', path: errorFile, key: ['log', 'error'] });
  return files;
}

/** Why a file of this kind cannot be shared. */
const harmOf: Readonly<Record<OwnFile['kind'], string>> = {
  pidfile: 'each needs its own',
  // Another instance that writes it would make this one count as ready.
  ready_file: 'each needs its own',
  ready_log: 'ready.log would match the lines of both',
  // Two rotations of one log would disagree about when, and how much of it, to keep.
  rotated_log: 'log.max_size needs one log per instance',
  rotated_error: 'log.max_size needs one log per instance',
};

/**
 * The files that each instance must have for itself, and that some of them would share. At most one problem per worker
 * and kind: the others have the same cause.
 */
export function sharedFiles({ workers }: Config, root: Slot): Problem[] {
  const files = workers.flatMap(ownFiles);
  if (haveOwnNames(files)) return [];
  const owners = new Map<string, string>();
  return files.flatMap(({ worker, kind, path: text, key }) => {
    const shared = instancesOf(worker).flatMap((instance) => {
      const path = expandSpecifiers(text, instance, anyHost);
      const owner = owners.get(`${kind} ${path}`) ?? instance.name;
      owners.set(`${kind} ${path}`, owner);
      if (owner === instance.name) return [];
      return [`${path.replace(anyHost, '%H')} for both ${owner} and ${instance.name}`];
    });
    return shared.slice(0, 1).map((found) => {
      const hint = `${harmOf[kind]}: put %n into the name`;
      const problem = { expected: 'a file for each instance', found, hint };
      return asWritten(worker.name, root).problem(problem, key);
    });
  });
}

/** Whether each name holds the whole name of its instance, as in most configs: then none is shared. */
function haveOwnNames(files: readonly OwnFile[]): boolean {
  const texts = new Set(files.map(({ kind, path }) => `${kind} ${path}`));
  const kinds = new Set(files.map(({ kind }) => kind));
  return (
    texts.size === kinds.size &&
    [...texts].every((text) => /^(?:[^%]|%%)*%n(?:[^%]|%%)*$/.test(text))
  );
}
