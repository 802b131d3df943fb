import { readRecord } from '../state/records.ts';
import type { ProcessRef } from '../../core/model/instance.ts';
import { baseOf, recordedProcesses } from '../state/paths.ts';
import { monotonicMs } from '../process/clock.ts';
import { readProcess, currentBootId, findProcess } from '../process/process-table.ts';

/** How long a session without an instance is remembered as such. A record exists before its process can send anything. */
const strangerMs = 10000;

/** The instance that a session belongs to, and its main process according to the record. */
interface Owner {
  readonly process: ProcessRef;
  readonly mainPid: number;
}

/**
 * Finds the instance of a session: the one whose recorded process leads it, or has taken it over from its predecessor. What
 * the leader sent just before its end still counts for its record.
 */
export function createOwnerLookup(stateDir: string): (session: number) => Owner | undefined {
  const known = new Map<number, ProcessRef>();
  let strangers = new Set<string>();
  let forgottenMs = monotonicMs();
  return (session) => {
    const leader = readProcess(session);
    const ownerAs = (process: ProcessRef): Owner | undefined => {
      const record = readRecord(stateDir, baseOf(process));
      if (record.kind !== 'read' || record.value.bootId !== currentBootId()) return undefined;
      const { pid, startTime, shimPid } = record.value;
      const leads = pid === session && (leader === undefined || leader.startTime === startTime);
      const hasTakenOver = shimPid === 0 && findProcess(record.value)?.sessionId === session;
      return leads || hasTakenOver ? { process, mainPid: pid } : undefined;
    };
    const before = known.get(session);
    const owner = before === undefined ? undefined : ownerAs(before);
    if (owner !== undefined) return owner;
    known.delete(session);
    if (monotonicMs() - forgottenMs > strangerMs) {
      strangers = new Set();
      forgottenMs = monotonicMs();
    }
    const stranger = `${session} ${leader?.startTime ?? 'gone'}`;
    if (strangers.has(stranger)) return undefined;
    for (const process of recordedProcesses(stateDir)) {
      const found = ownerAs(process);
      if (found === undefined) continue;
      known.set(session, process);
      return found;
    }
    strangers.add(stranger);
    return undefined;
  };
}
