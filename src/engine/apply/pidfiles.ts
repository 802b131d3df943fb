import type { ActionOf } from '../../core/model/action.ts';
import { pidfileOf } from '../../core/model/launch.ts';
import { removeFile } from '../../host/files/json-file.ts';
import { writePidfile } from '../../host/state/records.ts';
import { report, workerOf, type Context } from '../session.ts';
import type { Run } from './run.ts';

export function rewritePidfile({ context }: Run, action: ActionOf<'write_pidfile'>): void {
  const { instance, pid, cause } = action;
  writePidfile(pathFor(context, instance), pid);
  report(context, instance, { kind: 'pidfile_written', pid, cause });
}

export function removePidfile({ context }: Run, action: ActionOf<'remove_pidfile'>): void {
  const { instance, cause } = action;
  removeFile(pathFor(context, instance));
  report(context, instance, { kind: 'pidfile_removed', cause });
}

const pathFor = ({ config, hostName }: Context, instance: string): string =>
  pidfileOf(workerOf(config, instance), instance, hostName);
