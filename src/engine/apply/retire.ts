import type { ActionOf } from '../../core/model/action.ts';
import { removeFile } from '../../host/files/json-file.ts';
import { baseOf, recordPath } from '../../host/state/paths.ts';
import { moveAside, readRecord, removeFilesOf } from '../../host/state/records.ts';
import { observe } from '../observe/observe.ts';
import { report } from '../session.ts';
import { reportExit } from './report-exit.ts';
import { orWarn, type Run } from './run.ts';

/** Lets a process that was asked to exit drain beside its replacement. If that fails, nothing is started in its place. */
export async function retire(run: Run, action: ActionOf<'retire'>): Promise<void> {
  const { context, blocked } = run;
  const { instance, process, runId } = action;
  if (blocked.has(instance)) return;
  const isDone = await orWarn(context, action, () => {
    moveAside(context.config.stateDir, instance, runId);
    report(context, instance, { kind: 'retired', pid: process.pid });
  });
  if (!isDone) blocked.add(instance);
}

/** Reports how an old process beside its replacement has exited, and removes its files; of an instance a torn record. */
export function cleanUp({ context }: Run, action: ActionOf<'clean_up'>): void {
  const { instance, retiring, cause } = action;
  const { stateDir } = context.config;
  const record = readRecord(stateDir, baseOf(action));
  if (record.kind === 'absent') return;
  if (retiring === undefined) {
    if (record.kind === 'read') return;
    removeFile(recordPath(stateDir, instance));
    report(context, instance, { kind: 'warning', problem: `its record is removed: ${cause}` });
    return;
  }
  if (record.kind === 'read') reportExit(context, action, observe(context, [], [action]));
  else report(context, action, { kind: 'warning', problem: `its files are removed: ${cause}` });
  removeFilesOf(stateDir, instance, retiring);
}
