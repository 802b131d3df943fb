import { flag, moment, object, text, type Form } from '../../../core/basics/json-form.ts';
import { isSameProcess, type ProcessIdentity } from '../../../core/model/process.ts';
import type { Killing } from '../../../core/model/record.ts';
import { killingPath } from '../paths.ts';
import { identityOf, processMembers, readNote, writeNote } from './note-file.ts';

type KillNote = ProcessIdentity & Omit<Killing, 'process'>;

const form: Form<KillNote> = object<KillNote>({
  ...processMembers,
  at: ['at', moment],
  cause: ['cause', text],
  isWatchdog: ['is_watchdog', flag],
});

/** That workerctl was about to kill this process, and why. */
export function readKilling(
  stateDir: string,
  base: string,
  process: ProcessIdentity,
): Killing | undefined {
  const file = readNote(killingPath(stateDir, base), form, 'a note of a kill');
  if (file.kind !== 'read' || !isSameProcess(file.value, process)) return undefined;
  const { at, cause, isWatchdog } = file.value;
  return { process: identityOf(file.value), at, cause, isWatchdog };
}

/** Notes that a process is about to be killed. */
export function writeKilling(stateDir: string, base: string, { process, ...note }: Killing): void {
  writeNote(killingPath(stateDir, base), form, { ...identityOf(process), ...note });
}
