import type { LiveProcess } from '../model/process.ts';
import type { Moment } from '../basics/time.ts';

/** What the kernel and our files say about a process that may be an instance's. */
export interface Candidate {
  readonly process: LiveProcess;
  /** The process that it is a thread of, if the number is a thread's. */
  readonly threadOf?: number;
  /** Its command line, or the title that it gave itself; empty for kernel threads. */
  readonly title: string;
  /** The kernel does not let us signal it. */
  readonly isOtherUsers: boolean;
  /** It is not of the user that the worker runs as, although root could signal it. */
  readonly isNotOfItsUser?: true;
  /** It is this command or a parent of it. */
  readonly isAncestor: boolean;
  readonly isShim: boolean;
  /** What else it belongs to, in words: `mail.2`, `mail.2 in /srv/other/.workerctl`. */
  readonly belongsTo?: string;
  /** Its environment names this instance and this state directory. */
  readonly hasMarker: boolean;
  readonly startedAt: Moment;
}

/** Why a process cannot be an instance's, and what to do instead. */
export interface Refusal {
  readonly problem: string;
  readonly hint?: string;
}

const kernelThreads = 2;

/** Why this process must not be adopted; undefined if it may be. */
export function refusalOf(candidate: Candidate): Refusal | undefined {
  const { process, threadOf, isOtherUsers, isNotOfItsUser, isAncestor, isShim, belongsTo, title } =
    candidate;
  const { pid, parentPid } = process;
  if (pid === 1) return { problem: 'it is the first process of the host or container' };
  if (title === '' && [pid, parentPid].includes(kernelThreads))
    return { problem: 'it is a kernel thread' };
  if (threadOf !== undefined)
    return { problem: `it is a thread of pid ${threadOf}`, hint: `name pid ${threadOf}` };
  if (isAncestor) return { problem: 'it is this command or a parent of it' };
  if (isShim)
    return { problem: 'it is a shim of workerctl', hint: 'name the worker, which is its child' };
  if (belongsTo !== undefined) return { problem: `it belongs to ${belongsTo}` };
  if (isOtherUsers)
    return {
      problem: 'it belongs to another user, so workerctl could not signal it',
      hint: 'run workerctl as the user who owns it',
    };
  if (isNotOfItsUser === true)
    return {
      problem: 'it belongs to another user than the one that its worker runs as',
      hint: 'set user in the config to the user of the process',
    };
  return undefined;
}

/**
 * Whether the process that a pidfile names has written it: `its` is the instance's, `stale` is another
 * process that got the number of a dead one, `unclear` may be either: a person must decide.
 */
export type Claim = 'its' | 'stale' | 'unclear';

/** A wall clock that was set by less is not noticed. */
const marginMs = 2_000;

/**
 * Judges by two witnesses, since either may be wrong alone: the file's time of change, which no process that began after
 * it can have written (unless the clock was set), and what the process looks like (programs change their titles).
 */
export function claimOf(
  candidate: Candidate,
  writtenAt: Moment,
  command: readonly string[],
): Claim {
  if (refusalOf(candidate) !== undefined) return 'stale';
  const wasThere = candidate.startedAt <= writtenAt + marginMs;
  const isAlike = candidate.hasMarker || looksLike(candidate.title, command);
  if (wasThere !== isAlike) return 'unclear';
  return wasThere ? 'its' : 'stale';
}

/** Words that say nothing of which program it is. */
const commonWords: ReadonlySet<string> = new Set([
  'bash',
  'bin',
  'bundle',
  'env',
  'exec',
  'java',
  'local',
  'main',
  'nice',
  'node',
  'nohup',
  'npm',
  'npx',
  'opt',
  'perl',
  'php',
  'python',
  'rake',
  'ruby',
  'run',
  'setsid',
  'srv',
  'start',
  'sudo',
  'usr',
  'work',
  'worker',
]);

/**
 * Whether a process's title is the command, perhaps behind its interpreter, or shares a word with it that tells programs
 * apart: `delayed_job.1` does with `bundle exec bin/delayed_job start`. Options and folders do not count.
 */
export function looksLike(title: string, command: readonly string[]): boolean {
  if (` ${title.trim()}`.endsWith(` ${command.join(' ')}`)) return true;
  const shown = new Set(wordsIn(title.split(/\s+/)));
  return wordsIn(command).some((word) => shown.has(word));
}

const wordsIn = (words: readonly string[]): string[] =>
  words
    .filter((word) => !word.startsWith('-'))
    .flatMap((word) => word.slice(word.lastIndexOf('/') + 1).split(/[^\p{L}\p{N}_-]+/u))
    .map((word) => word.toLowerCase())
    .filter((word) => word.length > 2 && !commonWords.has(word) && !/^[\d.]+$/.test(word));
