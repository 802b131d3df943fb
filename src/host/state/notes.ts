import { existsSync } from 'node:fs';
import * as json from '../../core/basics/json-form.ts';
import { durationOf, type Duration } from '../../core/basics/time.ts';
import { quietSignals, type QuietSignal } from '../../core/model/config.ts';
import { isSameProcess, type ProcessIdentity } from '../../core/model/process.ts';
import type { Asking, Killing, Quieting, SessionMember, Stop } from '../../core/model/record.ts';
import { writeFileAtomically } from '../files/atomic-file.ts';
import {
  readJson,
  readText,
  removeFile,
  writeStateFile,
  type StateFile,
} from '../files/json-file.ts';
import { removeBeatPlace } from './beat-place.ts';
import * as paths from './paths.ts';
import { quietEndings } from './quiet-end.ts';
import { withReserve } from './reserve.ts';
import { identity } from './schema.ts';

/** A kind of note about a process: to any other process it means nothing. */
function noteOf<Note extends Written, Written extends { process: ProcessIdentity } = Note>(
  pathOf: (stateDir: string, base: string) => string,
  what: string,
  members: json.Members<Omit<Note, 'process'>>,
) {
  const others = json.object<object>(members);
  const form: json.Form<Note> = {
    read: (found) => ({ process: identity.read(found), ...others.read(found) }) as Note,
    write: (note) => ({
      ...(others.write(note) as object),
      ...(identity.write(note.process) as object),
    }),
  };
  const read = (stateDir: string, base: string): StateFile<Note> => {
    const path = pathOf(stateDir, base);
    // Most do not exist, and to catch an error takes longer than to ask.
    return existsSync(path) ? readJson(path, form, what) : { kind: 'absent' };
  };
  return {
    /** The note, or why it cannot be understood. */
    read,
    /** The note, if it is about this process. */
    readFor: (stateDir: string, base: string, process: ProcessIdentity): Note | undefined => {
      const file = read(stateDir, base);
      if (file.kind !== 'read') return undefined;
      return isSameProcess(file.value.process, process) ? file.value : undefined;
    },
    write: (stateDir: string, base: string, note: Written): void => {
      const text = `${JSON.stringify(form.write(note as Note))}\n`;
      withReserve(stateDir, () => {
        writeStateFile(pathOf(stateDir, base), text);
      });
    },
  };
}

/** A signal as it stands in a note: `SIGTERM`. */
const signal: json.Form<QuietSignal> = {
  read: (found) => {
    const known = quietSignals.find((name) => found === `SIG${name}`);
    if (known === undefined) throw new json.Mismatch([], 'the name of a signal', found);
    return known;
  },
  write: (name) => `SIG${name}`,
};

const sessionMembers = json.listOf(
  json.object({ pid: ['pid', json.integer], startTime: ['start_time', json.integer] }),
);

const askingMembers: json.Members<Omit<Asking, 'process' | 'sent'>> = {
  at: ['at', json.moment],
  cause: ['cause', json.text],
  deadline: ['deadline_since_boot_seconds', json.optional(json.seconds)],
  jobSince: ['job_since', json.optional(json.moment)],
  isRecycle: ['is_recycle', json.optional(json.flag)],
  memory: ['memory_bytes', json.optional(json.integer)],
  endsSession: ['ends_session', json.optional(json.flag)],
};

/** `sent` and `asked` come first: signal.sh writes over them, see `markOf`. */
const stopMembers: json.Members<Omit<Stop, 'process' | 'unclear'>> = {
  sent: ['sent', json.flag],
  asked: ['asked', json.optional(json.text)],
  signal: ['signal', signal],
  ...askingMembers,
  family: ['family', json.optional(sessionMembers)],
  members: ['members', json.optional(sessionMembers)],
};

const quietMembers: json.Members<Omit<Quieting, 'process' | 'end'>> = {
  sent: ['sent', json.flag],
  signal: ['signal', json.optional(signal)],
  ...askingMembers,
  stopsWhenIdle: ['stops_when_idle', json.flag],
  commandUntil: ['command_until_since_boot_seconds', json.optional(json.seconds)],
  isResuming: ['is_resuming', json.optional(json.flag)],
};

/**
 * What the file of a stop begins with once the process itself was asked, or, with `asked`, once these of its session were:
 * as long as what it replaces.
 */
export const markOf = (asked?: string): string =>
  asked === undefined ? '{"sent":true ' : `{"sent":false,"asked":"${asked}"`;

/** Whether, and how, a process was asked to exit; written just before. */
export const { read: readStop, write: writeStop } = noteOf<Omit<Stop, 'unclear'>>(
  paths.stopPath,
  'a stop',
  stopMembers,
);

/** Whether, and how, a process was asked to take no new job; written just before. */
export const {
  read: readQuiet,
  readFor: quietOf,
  write: writeQuiet,
} = noteOf<Omit<Quieting, 'end'>>(
  paths.quietPath,
  'a note that a process was made quiet',
  quietMembers,
);

/** When a process was asked for a dump, since the boot of the host. */
export const {
  read: readDump,
  readFor: dumpOf,
  write: writeDump,
} = noteOf<{ readonly process: ProcessIdentity; readonly at: Duration }>(
  paths.dumpPath,
  'a note of a dump',
  { at: ['since_boot_seconds', json.seconds] },
);

/** That workerctl was about to kill a process, and why. */
export const { readFor: killingOf, write: writeKilling } = noteOf<Killing>(
  paths.killingPath,
  'a note of a kill',
  { at: ['at', json.moment], cause: ['cause', json.text], isWatchdog: ['is_watchdog', json.flag] },
);

/** What is known of the processes that a dead one has left behind. */
export interface LeftNote {
  /** The dead one. */
  readonly process: ProcessIdentity;
  /** When it died, since the boot of the host, if that is known. */
  readonly diedAt?: Duration;
  /** Those that were found and reported; undefined: nothing has looked yet. */
  readonly members?: readonly SessionMember[];
  /** Whether they were killed. */
  readonly wasKilled?: boolean;
}

const left = noteOf<LeftNote>(paths.leftPath, 'a note of what a process has left', {
  diedAt: ['died_since_boot_seconds', json.optional(json.seconds)],
  members: ['members', json.optional(sessionMembers)],
  wasKilled: ['was_killed', json.optional(json.flag)],
});

/** Notes what a dead process has left behind, or that this has to be looked for. */
export const writeLeft = left.write;

/** What is noted of what the last dead process has left behind; undefined: nothing. */
export function readLeft(stateDir: string, base: string): LeftNote | undefined {
  const file = left.read(stateDir, base);
  return file.kind === 'read' ? file.value : undefined;
}

const successor = noteOf<{ readonly process: ProcessIdentity; readonly runId: string }>(
  paths.successorPath,
  'a successor',
  { runId: ['run_id', json.text] },
);

/** Notes which process a run has named as its successor. */
export const writeSuccessor = successor.write;

/** The process that this run has named as its successor. */
export function readSuccessor(
  stateDir: string,
  base: string,
  runId: string,
): ProcessIdentity | undefined {
  const file = successor.read(stateDir, base);
  return file.kind === 'read' && file.value.runId === runId ? file.value.process : undefined;
}

/** The text of a note that is no JSON; empty if there is none. */
function textOf(path: string): string {
  const file = existsSync(path) ? readText(path) : undefined;
  return file?.kind === 'read' ? file.value.trim() : '';
}

/** How old the process of this run was when it showed that it is ready; undefined: it was not seen to. */
export function readyAge(stateDir: string, base: string, runId: string): Duration | undefined {
  const [run, age = ''] = textOf(paths.readyPath(stateDir, base)).split(' ');
  return run === runId && /^\d{1,15}$/.test(age) ? durationOf(Number(age)) : undefined;
}

/** Notes that this run has shown that it is ready, at this age. Any command that sees it may note it. */
export function noteReady(stateDir: string, base: string, runId: string, age: Duration): void {
  writeStateFile(paths.readyPath(stateDir, base), `${runId} ${Math.floor(age)}\n`);
}

const statusPath = (stateDir: string, base: string, runId: string): string =>
  `${paths.heartbeatPath(stateDir, base, runId)}.status`;

/** What a process has last said about itself by sd_notify(3); undefined: nothing. */
export const readSaidStatus = (stateDir: string, base: string, runId: string): string | undefined =>
  textOf(statusPath(stateDir, base, runId)) || undefined;

/** Keeps what a process says about itself. */
export function writeSaidStatus(stateDir: string, base: string, runId: string, text: string): void {
  writeFileAtomically(statusPath(stateDir, base, runId), `${text}\n`);
}

const extensionPath = (stateDir: string, base: string, runId: string): string =>
  `${paths.heartbeatPath(stateDir, base, runId)}.extend`;

/** Until when a process has extended its time limits by sd_notify(3), since the boot of the host; undefined: it has not. */
export function readExtension(stateDir: string, base: string, runId: string): Duration | undefined {
  const until = textOf(extensionPath(stateDir, base, runId));
  return /^\d{1,15}$/.test(until) ? durationOf(Number(until)) : undefined;
}

/** Notes that a process extends its time limits; the last such note counts. */
export function writeExtension(
  stateDir: string,
  base: string,
  runId: string,
  until: Duration,
): void {
  writeFileAtomically(extensionPath(stateDir, base, runId), `${Math.round(until)}\n`);
}

export function removeHeartbeat(path: string, present: paths.Present = paths.mayBePresent): void {
  for (const end of ['', '.new', '.notify', '.status', '.extend', ...quietEndings])
    if (present.has(path + end)) removeFile(path + end);
  if (present.has(`${path}.d`) || present.has(paths.jobFolder(path))) removeBeatPlace(path);
}
