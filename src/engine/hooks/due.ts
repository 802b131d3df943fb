import { momentOf } from '../../core/basics/time.ts';
import { now } from '../../host/process/clock.ts';
import { findProcess } from '../../host/process/process-table.ts';
import {
  readSpooled,
  removeSpooled,
  spooledIn,
  type Spooled,
} from '../../host/state/hook-spool.ts';
import { readRecord } from '../../host/state/records.ts';
import type { HookScene } from './note.ts';

export interface Due {
  readonly id: string;
  readonly spooled: Spooled;
}

/** What has happened and waits in this folder of the spool. What cannot be read is reported once, and removed. */
export function dueIn({ config: { stateDir }, report }: HookScene, folder: string): Due[] {
  return spooledIn(folder).flatMap((id) => {
    const file = readSpooled(folder, id);
    if (file.kind === 'absent') return []; // another command has done it
    if (file.kind === 'broken') {
      const problem = `hook ${id} cannot be read: ${file.problem}`;
      report({ kind: 'warning', problem, at: now(), instance: 'hooks' });
      removeSpooled(folder, id);
      return [];
    }
    const due = asHappened(stateDir, file.value);
    if (due === 'dropped') removeSpooled(folder, id);
    return typeof due === 'string' ? [] : [{ id, spooled: due }];
  });
}

/** A start whose command was killed has happened if the instance has a record that is not older. */
function asHappened(stateDir: string, spooled: Spooled): Spooled | 'expected' | 'dropped' {
  const { expectedOf, event, instance } = spooled;
  if (expectedOf === undefined) return spooled;
  if (findProcess(expectedOf) !== undefined) return 'expected';
  const record = readRecord(stateDir, instance);
  const since = momentOf(Date.parse(String(event['at'])));
  if (record.kind !== 'read' || record.value.startedAt < since) return 'dropped';
  return { ...spooled, event: { ...event, pid: record.value.pid } };
}
