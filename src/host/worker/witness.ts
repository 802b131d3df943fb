import { statSync, type BigIntStats } from 'node:fs';
import type { Launch } from '../../core/model/launch.ts';
import type { LiveProcess, ProcessIdentity, Witnessed } from '../../core/model/process.ts';
import type { SessionMember } from '../../core/model/record.ts';
import { looksLike } from '../../core/rules/adoption.ts';
import { userName } from '../files/users.ts';
import { outputsOf, ownOutputs } from '../logs/own-log.ts';
import {
  findProcess,
  readArguments,
  readEnvironment,
  readProcess,
  userOf,
  startedAt,
} from '../process/process-table.ts';
import { asUserOf } from '../process/as-user.ts';
import { isProvenOf, type DeadLeader } from '../process/session.ts';
import { markIn, sameDirectory, shimWords, startIn } from '../process/strays.ts';
import { readPidfile } from '../state/records.ts';

/** Whose a process is according to its record, and where else that may be confirmed. */
export interface Claim {
  readonly instance: string;
  readonly stateDir: string;
  readonly process: ProcessIdentity;
  readonly runId: string;
  /** Logs that only this instance writes to. */
  readonly ownLogs: () => readonly string[];
  /** The pidfile that the program writes itself, and its command. */
  readonly daemon?: Pick<Launch, 'pidfile' | 'command' | 'runAs'>;
  /** The number of the user that the worker runs as, if that is another than the caller: others' processes are not its. */
  readonly owner?: number;
  /** A person, or a pass with other evidence, has named this very process, and `state.json` says so. */
  readonly isAdopted: boolean;
}

/** What was found about a claim. */
export type Testimony =
  | { readonly kind: 'witnessed'; readonly process: Witnessed }
  /** It is dead, and no signal can reach it. */
  | { readonly kind: 'gone'; readonly process: Witnessed }
  /** The kernel says that it belongs to something else, in words: `it belongs to mail.2`. */
  | { readonly kind: 'foreign'; readonly problem: string }
  /** Only the record says whose it is. */
  | { readonly kind: 'unknown' };

/** What one witness says: for it, against it (in words), or nothing. */
type Word = 'its' | { readonly against: string } | undefined;

/** A witness once heard holds as long as the process lives: its identity cannot change. */
const heard = new Set<string>();

/** Whether this command has heard a witness for the claim, perhaps before the process exited. */
export const wasWitnessed = (claim: Claim): boolean => heard.has(keyOf(claim));

const keyOf = ({ instance, stateDir, runId, process }: Claim): string =>
  JSON.stringify([stateDir, instance, runId, process.pid, process.startTime, process.bootId]);

/**
 * Asks the kernel whose a process is. A record is a file, and a file can be damaged, swapped or written by hand: alone it
 * must not get a process signalled.
 */
export function hearWitnesses(claim: Claim): Testimony {
  const process = claim.process as Witnessed;
  if (heard.has(keyOf(claim))) return { kind: 'witnessed', process };
  const found = findProcess(process);
  if (found === undefined) return { kind: 'gone', process };
  const word =
    shimWord(claim, found.parentPid) ??
    shimWord(claim, found.pid) ??
    ownerWord(claim) ??
    ownMarkerWord(claim) ??
    (claim.isAdopted || isInItsPidfile(claim) ? 'its' : inheritedMarkerWord(claim)) ??
    (found.sessionId === found.pid && writesToItsLog(claim, found.pid) ? 'its' : undefined);
  if (word === undefined) return { kind: 'unknown' };
  if (word !== 'its') return { kind: 'foreign', problem: word.against };
  heard.add(keyOf(claim));
  return { kind: 'witnessed', process };
}

/** A process of the session that this one leads or has led, if it still belongs to it. */
export function inSessionOf(
  { pid, bootId }: Witnessed,
  member: SessionMember,
): Witnessed | undefined {
  const found = findProcess({ ...member, bootId });
  return found?.sessionId === pid ? (found as Witnessed<LiveProcess>) : undefined;
}

/**
 * Which member of a dead process's session proves that the session is the instance's: one that was noted while the process
 * lived, that has the marker of its run, or that writes to its log. If the process itself had a witness, the others follow
 * from the session.
 */
export const provesSession =
  (claim: Claim, leader: DeadLeader, noted: readonly SessionMember[]) =>
  (member: LiveProcess): boolean =>
    noted.some(({ pid, startTime }) => pid === member.pid && startTime === member.startTime) ||
    hasMarkerOf(claim, member.pid) ||
    writesToItsLog(claim, member.pid) ||
    ((claim.isAdopted || wasWitnessed(claim)) && isProvenOf(leader, member));

function hasMarkerOf(claim: Claim, pid: number): boolean {
  const mark = markIn(readEnvironment(pid));
  const runId = startIn(mark);
  return runId === claim.runId && judged(claim, { ...mark, runId }) === 'its';
}

/** The arguments of a shim, which is the parent of the worker or, while a daemon is awaited, stands for it. */
function shimWord(claim: Claim, pid: number): Word {
  const shim = pid > 1 ? shimWords(pid) : undefined;
  return shim && judged(claim, shim);
}

/** What the user of the worker says of a process, in whatever file, must not lead root to the process of another. */
function ownerWord({ owner, process: { pid } }: Claim): Word {
  const user = owner === undefined ? undefined : userOf(pid);
  if (user === undefined || user === owner) return undefined;
  return { against: `it belongs to the user ${userName(user)}` };
}

/** The environment of the worker itself, which names its own pid, or of a daemon, whose marker names none. */
function ownMarkerWord(claim: Claim): Word {
  const mark = markIn(readEnvironment(claim.process.pid));
  const runId = startIn(mark);
  const isOwn = mark.pid === String(claim.process.pid);
  if (mark.instance === '' || mark.stateDir === '') return undefined;
  if (!isOwn && (mark.pid !== '' || claim.isAdopted || runId === undefined)) return undefined;
  return judged(claim, { ...mark, runId: runId ?? claim.runId });
}

/** A marker that was inherited from a worker of something else: no witness for the process that has it. */
function inheritedMarkerWord(claim: Claim): Word {
  const { instance, stateDir } = markIn(readEnvironment(claim.process.pid));
  if (instance === '' || stateDir === '') return undefined;
  const word = judged(claim, { instance, stateDir, runId: claim.runId });
  return word === 'its' ? undefined : word;
}

/** What is said of a process, compared with the claim. A state directory that is gone was moved: it says nothing. */
function judged(
  { instance, stateDir, runId, isAdopted }: Claim,
  said: { readonly instance: string; readonly stateDir: string; readonly runId: string },
): Word {
  const isHere = said.stateDir === stateDir || sameDirectory(stateDir)(said.stateDir);
  if (!isHere && isThere(said.stateDir))
    return { against: `it belongs to ${said.instance} in ${said.stateDir}` };
  if (said.instance !== instance) return { against: `it belongs to ${said.instance}` };
  if (said.runId !== runId && !isAdopted)
    return { against: `it is another run of ${instance} (${said.runId})` };
  return 'its';
}

/** A wall clock that was set by less is not noticed. */
const marginMs = 2_000;

/** The program's own pidfile names it, and it was there before that was written, or looks like the program. */
function isInItsPidfile({ daemon, process: { pid } }: Claim): boolean {
  if (daemon === undefined) return false;
  const writtenMs = statOf(daemon.pidfile)?.mtimeMs;
  const file = asUserOf(daemon, () => readPidfile(daemon.pidfile));
  const found = readProcess(pid);
  if (file.kind !== 'holds' || file.pid !== pid || !found || writtenMs === undefined) return false;
  const wasThere = startedAt(found) <= Number(writtenMs) + marginMs;
  return wasThere || looksLike(readArguments(pid).join(' '), daemon.command);
}

/** Whether one of its first two outputs is a log of the instance alone, or the pipe to the instance's logger. */
function writesToItsLog({ instance, stateDir, ownLogs }: Claim, pid: number): boolean {
  const outputs = outputsOf(pid);
  return (
    outputs.length > 0 &&
    ownOutputs(instance, stateDir, ownLogs()).some((own) => outputs.includes(own))
  );
}

function statOf(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true });
  } catch {
    return undefined; // gone, or not ours to see
  }
}

const isThere = (path: string): boolean => statOf(path) !== undefined;
