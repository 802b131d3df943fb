import {
  flag,
  moment,
  object,
  optional,
  seconds,
  text,
  type Form,
} from '../../../core/basics/json-form.ts';
import type { ProcessIdentity } from '../../../core/model/process.ts';
import type { Quieting, Stop } from '../../../core/model/record.ts';
import type { StateFile } from '../../files/json-file.ts';
import { quietPath, stopPath } from '../paths.ts';
import { identityOf, processMembers, readNote, signal, writeNote } from './note-file.ts';

interface StopNote extends ProcessIdentity, Omit<Stop, 'process'> {
  readonly stopsWhenIdle?: boolean;
}

/** `sent` comes first: signal.sh writes over it. */
const form: Form<StopNote> = object<StopNote>({
  sent: ['sent', flag],
  ...processMembers,
  signal: ['signal', signal],
  at: ['at', moment],
  cause: ['cause', text],
  deadline: ['deadline_since_boot_seconds', optional(seconds)],
  isRecycle: ['is_recycle', optional(flag)],
  stopsWhenIdle: ['stops_when_idle', optional(flag)],
});

/** Whether, and how, a process was asked to exit. */
export const readStop = (stateDir: string, base: string): StateFile<Stop> =>
  read(stopPath(stateDir, base), 'a stop');

/** Whether, and how, a process was asked to take no new job. */
export const readQuiet = (stateDir: string, base: string): StateFile<Quieting> =>
  read(quietPath(stateDir, base), 'a note that a process was made quiet');

function read(path: string, what: string): StateFile<Quieting> {
  const file = readNote(path, form, what);
  if (file.kind !== 'read') return file;
  const { pid, startTime, bootId, stopsWhenIdle = false, ...note } = file.value;
  return { kind: 'read', value: { process: { pid, startTime, bootId }, ...note, stopsWhenIdle } };
}

/** Notes that a process is about to be asked to exit. */
export function writeStop(stateDir: string, base: string, { process, ...note }: Stop): void {
  writeNote(stopPath(stateDir, base), form, { ...identityOf(process), ...note });
}

/** Notes that a process is about to be asked to take no new job. */
export function writeQuiet(stateDir: string, base: string, { process, ...note }: Quieting): void {
  writeNote(quietPath(stateDir, base), form, { ...identityOf(process), ...note });
}
