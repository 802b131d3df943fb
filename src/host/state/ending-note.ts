import type { LiveProcess, ProcessIdentity } from '../../core/model/process.ts';
import { removeFile, writeStateFile } from '../files/json-file.ts';
import { findProcess, readProcess } from '../process/process-table.ts';
import { fileText, identity, readForm } from './schema.ts';

/** Names the `watch --stop-on-exit` that is stopping all instances now. */
const endingPath = (stateDir: string): string => `${stateDir}/watch.ending`;

/**
 * Says that this process is about to stop all instances.
 * @throws WorkerctlError `state` or the system error
 */
export function noteEnding(stateDir: string): void {
  const me = readProcess(process.pid) as ProcessIdentity;
  writeStateFile(endingPath(stateDir), fileText(identity, me));
}

export const forgetEnding = (stateDir: string): void => {
  removeFile(endingPath(stateDir));
};

/** The process that is stopping all instances. A note whose process has died means nothing. */
export function endingWatch(stateDir: string): LiveProcess | undefined {
  const note = readForm(endingPath(stateDir), () => identity);
  return note.kind === 'read' ? findProcess(note.value) : undefined;
}
