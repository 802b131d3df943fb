import type { InstanceStatus } from '../../core/views/instance-status.ts';
import { readProcess } from '../../host/process/process-table.ts';
import { allProcesses, familyOf, memoryOf } from '../../host/process/session.ts';

/** The same instances with the memory of their sessions, where it was not measured yet: reads the whole of /proc. */
export function withSessionMemory(instances: readonly InstanceStatus[]): readonly InstanceStatus[] {
  const all = allProcesses();
  return instances.map((one) => {
    const process =
      one.pid === undefined || one.memory !== undefined ? undefined : readProcess(one.pid);
    const memory = process && memoryOf(familyOf(process, all));
    return memory ? { ...one, memory } : one;
  });
}
