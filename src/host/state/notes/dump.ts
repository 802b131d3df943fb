import { object, seconds, type Form } from '../../../core/basics/json-form.ts';
import type { Duration } from '../../../core/basics/time.ts';
import { isSameProcess, type ProcessIdentity } from '../../../core/model/process.ts';
import type { StateFile } from '../../files/json-file.ts';
import { dumpPath } from '../paths.ts';
import { identityOf, processMembers, readNote, writeNote } from './note-file.ts';

/** That a process was asked for a dump, and when, since the boot of the host. */
export interface DumpNote {
  readonly process: ProcessIdentity;
  readonly at: Duration;
}

interface Flat extends ProcessIdentity {
  readonly at: Duration;
}

const form: Form<Flat> = object<Flat>({ ...processMembers, at: ['since_boot_seconds', seconds] });

export function readDumpNote(stateDir: string, base: string): StateFile<DumpNote> {
  const file = readNote(dumpPath(stateDir, base), form, 'a note of a dump');
  if (file.kind !== 'read') return file;
  return { kind: 'read', value: { process: identityOf(file.value), at: file.value.at } };
}

/** When this process was asked for a dump, since the boot of the host. */
export function readDump(
  stateDir: string,
  base: string,
  process: ProcessIdentity,
): Duration | undefined {
  const file = readDumpNote(stateDir, base);
  return file.kind === 'read' && isSameProcess(file.value.process, process)
    ? file.value.at
    : undefined;
}

export function writeDump(stateDir: string, base: string, { process, at }: DumpNote): void {
  writeNote(dumpPath(stateDir, base), form, { ...identityOf(process), at });
}
