import { readRecord } from '../state/records.ts';
import { recordedInstances } from '../state/paths.ts';
import { monotonicMs } from '../process/clock.ts';
import { readProcess, currentBootId, findProcess } from '../process/process-table.ts';

/** How long a session that is no instance's is taken for nobody's: a record is there before its process can speak. */
const strangerMs = 10000;

/** Whose a session is, and who its main process is by the record. */
interface Owner {
  readonly instance: string;
  readonly mainPid: number;
}

/**
 * Whose a session is: the instance whose recorded process leads it, or has taken it over from its predecessor. What the
 * leader has said just before its end still counts for its record.
 */
export function createOwnerLookup(stateDir: string): (session: number) => Owner | undefined {
  const known = new Map<number, string>();
  let strangers = new Set<string>();
  let forgottenMs = monotonicMs();
  return (session) => {
    const leader = readProcess(session);
    const ownerAs = (instance: string): Owner | undefined => {
      const record = readRecord(stateDir, instance);
      if (record.kind !== 'read' || record.value.bootId !== currentBootId()) return undefined;
      const { pid, startTime, shimPid } = record.value;
      const leads = pid === session && (leader === undefined || leader.startTime === startTime);
      const hasTakenOver = shimPid === 0 && findProcess(record.value)?.sessionId === session;
      return leads || hasTakenOver ? { instance, mainPid: pid } : undefined;
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
    for (const name of recordedInstances(stateDir)) {
      const found = ownerAs(name);
      if (found === undefined) continue;
      known.set(session, name);
      return found;
    }
    strangers.add(stranger);
    return undefined;
  };
}
