import { existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allPids, isAlive, readLinkOr, signal, strings, threadsOf } from './kernel.ts';
import { until } from './wait.ts';

/** A new, empty directory. All that a test starts in it is found by its path, which nothing else knows. */
export const makeDirectory = (): string =>
  realpathSync(mkdtempSync(join(tmpdir(), 'workerctl-test-')));

/** Ends every process of the directory, then removes it. */
export async function endFolder(folder: string): Promise<void> {
  await endProcessesOf(folder);
  await removeFolder(folder);
}

/** Ends every process that works in the directory, or whose arguments or environment name it. */
export async function endProcessesOf(folder: string): Promise<void> {
  let quiet = 0; // one look may miss a child that was born during it
  await until(`the end of all processes of ${folder}`, () => {
    const left = allPids().filter((pid) => pid !== process.pid && belongsTo(folder, pid));
    for (const pid of left) signal(pid);
    quiet = left.length === 0 ? quiet + 1 : 0;
    return quiet === 2;
  });
}

function belongsTo(folder: string, pid: number): boolean {
  if (!isAlive(pid)) return false;
  if (
    [...strings(pid, 'environ'), ...strings(pid, 'cmdline')].some((text) => text.includes(folder))
  )
    return true;
  // A process whose first thread has ended has all this in another one only.
  return threadsOf(pid).some((thread) => {
    const place = readLinkOr(`/proc/${pid}/task/${thread}/cwd`);
    return place === folder || place.startsWith(`${folder}/`);
  });
}

/** Removes a directory in which a process may still be making files: rmSync looks only once for what is in it. */
export async function removeFolder(path: string): Promise<void> {
  await until(`${path} to be gone`, () => {
    try {
      rmSync(path, { recursive: true, force: true });
    } catch {
      // a file was made in it meanwhile
    }
    return !existsSync(path);
  });
}
