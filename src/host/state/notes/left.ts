import {
  integer,
  listOf,
  object,
  optional,
  seconds,
  type Form,
} from '../../../core/basics/json-form.ts';
import type { Duration } from '../../../core/basics/time.ts';
import type { ProcessIdentity } from '../../../core/model/process.ts';
import { leftPath } from '../paths.ts';
import { identityOf, processMembers, readNote, writeNote } from './note-file.ts';

/** What is known of the processes that a dead one has left behind. */
export interface LeftNote {
  /** The dead one. */
  readonly process: ProcessIdentity;
  /** When it died, since the boot of the host, if that is known. */
  readonly diedAt?: Duration;
  /** Those that were found and reported; undefined: nothing has looked yet. */
  readonly members?: readonly Member[];
}

interface Member {
  readonly pid: number;
  readonly startTime: number;
}

type Flat = ProcessIdentity & Omit<LeftNote, 'process'>;

const members = listOf<Member>(
  object<Member>({ pid: ['pid', integer], startTime: ['start_time', integer] }),
);

const form: Form<Flat> = object<Flat>({
  ...processMembers,
  diedAt: ['died_since_boot_seconds', optional(seconds)],
  members: ['members', optional(members)],
});

/** What is noted of what the last dead process has left behind; undefined: nothing. */
export function readLeft(stateDir: string, base: string): LeftNote | undefined {
  const file = readNote(leftPath(stateDir, base), form, 'a note of what a process has left');
  if (file.kind !== 'read') return undefined;
  const { pid, startTime, bootId, ...note } = file.value;
  return { process: { pid, startTime, bootId }, ...note };
}

/** Notes what a dead process has left behind, or that this has to be looked for. */
export function writeLeft(stateDir: string, base: string, { process, ...note }: LeftNote): void {
  const found = note.members?.map(({ pid, startTime }) => ({ pid, startTime }));
  writeNote(leftPath(stateDir, base), form, {
    ...identityOf(process),
    ...note,
    ...(found && { members: found }),
  });
}
