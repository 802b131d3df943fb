import type { ActionOf } from '../../core/model/action.ts';
import { pidfileOf } from '../../core/model/launch.ts';
import { removeFile } from '../../host/files/json-file.ts';
import { writePidfile } from '../../host/state/records.ts';
import { usingPidfile } from '../../host/worker/using-pidfile.ts';
import { report, workerOf, type Context } from '../session.ts';
import type { Run } from './run.ts';

export function rewritePidfile({ context }: Run, action: ActionOf<'write_pidfile'>): void {
  const { instance, pid, cause } = action;
  usingItsPidfile(context, instance, (path) => {
    writePidfile(path, pid);
  });
  report(context, instance, { kind: 'pidfile_written', pid, cause });
}

export function removePidfile({ context }: Run, action: ActionOf<'remove_pidfile'>): void {
  const { instance, cause, isLeftByShim } = action;
  usingItsPidfile(context, instance, removeFile);
  if (isLeftByShim !== true) report(context, instance, { kind: 'pidfile_removed', cause });
}

/** Uses the pidfile of an instance with the rights that it takes. */
export function usingItsPidfile(
  { config, hostName }: Context,
  instance: string,
  act: (path: string) => void,
): void {
  const worker = workerOf(config, instance);
  const { stateDir } = config;
  usingPidfile(pidfileOf(worker, instance, hostName), { stateDir, rights: worker }, act);
}
