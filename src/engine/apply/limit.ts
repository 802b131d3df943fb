import type { ActionOf } from '../../core/model/action.ts';
import { isSameProcess } from '../../core/model/process.ts';
import { faultPoint } from '../../host/files/fault-point.ts';
import { familyBeside } from '../../host/process/kill-session.ts';
import { findProcess } from '../../host/process/process-table.ts';
import { allProcesses } from '../../host/process/session.ts';
import { readStop, writeStop } from '../../host/state/notes.ts';
import { baseOf } from '../../host/state/paths.ts';
import { admitted, type Run } from './run.ts';

/** Notes the limit with the stop of the process, which was sent before and stays noted as sent. */
export function limit(run: Run, action: ActionOf<'limit'>): void {
  const { stateDir } = run.context.config;
  const process = admitted(run, action);
  const stop = readStop(stateDir, baseOf(action));
  if (process === undefined || stop.kind !== 'read' || !stop.value.sent) return;
  if (!isSameProcess(stop.value.process, process)) return;
  const isAlive = findProcess(process) !== undefined;
  writeStop(stateDir, baseOf(action), {
    ...stop.value,
    deadline: action.deadline,
    endsSession: true,
    ...(isAlive && { family: familyBeside(process, allProcesses()) }),
  });
  faultPoint();
}
