import { closeSync, mkdirSync, writeSync } from 'node:fs';
import { isLeftByShim } from '../../core/model/observation.ts';
import { once } from '../files/once.ts';
import { removeFile } from '../files/json-file.ts';
import { openNewFile } from '../files/new-file.ts';
import { lockBackend } from '../lock/choose-backend.ts';
import { readProcess } from '../process/process-table.ts';
import { readDeath } from './exits.ts';
import { attendedFolder, attendedPath, lockPath, pidfilePath, recordedInstances } from './paths.ts';
import { readPidfile, readRecord } from './records.ts';

/** Instances of which this process sees the deaths, and then removes the pidfiles. */
export interface Attending {
  readonly add: (instances: Iterable<string>) => void;
  /** From now on their shims do it again. What a shim has left until now is removed. */
  readonly done: (instances: Iterable<string>) => void;
  /** The end of all of it. */
  readonly close: () => Promise<void>;
}

/** In the place of an instance's name: all of them. */
export const everyInstance = 'all';

/** Which process we are, for shims: they check that it lives. */
const attenderLine = once(() => {
  const { pid } = process;
  return `${pid} ${readProcess(pid)?.startTime ?? 0}\n`;
});

/**
 * A shim need not remove its worker's pidfile, which takes a program between one worker and the next, if a process that
 * lives has said that it waits for that death. If this cannot be said, as on a full disk, shims do it as ever.
 */
export function createAttending(stateDir: string): Attending {
  const attended = new Set<string>();
  const sweeps: Promise<void>[] = [];
  const makeFolder = once(() => mkdirSync(attendedFolder(stateDir), { recursive: true }));
  const done = (instances: Iterable<string>): void => {
    const ended = [...instances].filter((name) => attended.delete(name));
    for (const name of ended)
      attempt(() => {
        removeFile(attendedPath(stateDir, name));
      });
    attempt(() => {
      const left = ended
        .flatMap((name) => (name === everyInstance ? recordedInstances(stateDir) : [name]))
        .filter((name) => isLeft(stateDir, name));
      if (left.length > 0) sweeps.push(removeLeft(stateDir, left));
    });
  };
  return {
    add: (instances) => {
      for (const name of instances) {
        if (attended.has(name)) continue;
        attempt(() => {
          makeFolder();
          writeAnew(attendedPath(stateDir, name), attenderLine());
          attended.add(name);
        });
      }
    },
    done,
    close: async () => {
      done([...attended]);
      await Promise.allSettled(sweeps);
    },
  };
}

function writeAnew(path: string, text: string): void {
  const fd = openNewFile(path, 0o644);
  try {
    writeSync(fd, text);
  } finally {
    closeSync(fd);
  }
}

function attempt(act: () => void): void {
  try {
    act();
  } catch {
    return; // as on a full disk, or without rights: what is said there counts only as long as we live, and the next pass sweeps
  }
}

/** Whether the pidfile names the process whose death its shim has reported. */
function isLeft(stateDir: string, instance: string): boolean {
  const pidfile = readPidfile(pidfilePath(stateDir, instance));
  if (pidfile.kind !== 'holds') return false;
  const record = readRecord(stateDir, instance);
  if (record.kind !== 'read' || record.value.launch !== undefined) return false;
  const found = readDeath(stateDir, instance, record.value);
  return found !== undefined && isLeftByShim(record.value, found.death, pidfile);
}

/** A start may be about to write there: it holds the lock of the instance from before that on. */
async function removeLeft(stateDir: string, instances: readonly string[]): Promise<void> {
  const backend = lockBackend();
  if (!backend.isKernelLock) return;
  const locks = await backend.tryLock(instances.map((name) => lockPath(stateDir, name)));
  for (const [index, name] of instances.entries()) {
    const lock = locks[index];
    if (lock === undefined) continue;
    if (isLeft(stateDir, name))
      attempt(() => {
        removeFile(pidfilePath(stateDir, name));
      });
    await lock.release();
  }
}
