import { listPids, readEnvironment, readProcess } from '../../host/process/process-table.ts';

/**
 * The pids of each instance, as the kernel alone tells: main processes that bear the marker of this state directory.
 * Our own files may be wrong; this is what they are checked against.
 */
export function workerProcesses(stateDir: string): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const pid of listPids()) {
    const environment = new Set(readEnvironment(pid));
    const isWorker =
      environment.has(`WORKERCTL_STATE_DIR=${stateDir}`) && environment.has(`WORKERCTL_PID=${pid}`);
    if (!isWorker || readProcess(pid) === undefined) continue;
    const marker = [...environment].find((entry) => entry.startsWith('WORKERCTL_INSTANCE=')) ?? '';
    const instance = marker.slice(marker.indexOf('=') + 1);
    found.set(instance, [...(found.get(instance) ?? []), pid]);
  }
  return found;
}

/** The pids of all living processes whose environment holds one of these entries: workers, their shims, what they started. */
export function processesWith(entries: readonly string[]): number[] {
  return listPids().filter((pid) => {
    if (pid === process.pid) return false;
    const environment = readEnvironment(pid);
    return entries.some((entry) => environment.includes(entry)) && readProcess(pid) !== undefined;
  });
}
