import type { HeldJobs } from './activity.ts';
import type { Duration, Moment } from '../basics/time.ts';
import type { LeftoverRule, QuietMeans, QuietSignal, StopSignal } from './config.ts';
import type { ProcessRef } from './instance.ts';
import type { Leftovers } from './leftovers.ts';
import type { Predecessor, ShimOfStray } from './observation.ts';
import type { LiveProcess, ProcessIdentity } from './process.ts';

/** What each kind of action needs to know besides its process and its cause. */
interface Needs {
  /** Claim a process that no record claims; `runId` is what its record calls this run. */
  adopt: {
    readonly process: LiveProcess;
    readonly shim?: ShimOfStray;
    readonly runId: string;
    /** The process that has named it as its successor. */
    readonly successorOf?: Predecessor;
  };
  write_pidfile: { readonly pid: number };
  /** Remove a pidfile whose process is dead. */
  remove_pidfile: {
    /** Its shim has left that to us. */
    readonly isLeftByShim?: true;
  };
  /** Kill what a dead process has left in its session, or note that it is waited for. */
  leftovers: {
    readonly left: Leftovers;
    readonly rule: Exclude<LeftoverRule, 'report' | 'leave'>;
  };
  /** Remove the files of an old process that has exited beside its replacement, or the torn record of an instance. */
  clean_up: object;
  /** Note that the limit of a process which drains holds for its whole session, also if the process itself exits before. */
  limit: { readonly process: ProcessIdentity; readonly deadline: Duration };
  /** Kill the whole session of a process whose time is over. */
  kill: {
    readonly process: ProcessIdentity;
    /** The successor that it has named, which was not asked to exit and must live on. */
    readonly successor?: ProcessIdentity;
    /** What it is busy with, as far as that is known. */
    readonly held?: HeldJobs;
    /** It gave no sign of life; otherwise its time to exit is over. */
    readonly isWatchdog?: boolean;
  };
  /** Make a silent process write down what it is doing. */
  dump: { readonly process: ProcessIdentity; readonly signal: QuietSignal };
  /** Ask a quiet process to take jobs again. */
  resume: { readonly process: ProcessIdentity; readonly means: QuietMeans };
  /** Ask a process to finish its job and exit. */
  stop: {
    readonly process: ProcessIdentity;
    readonly signal: StopSignal;
    /** How long it may take before it is killed; undefined: without limit. */
    readonly limit?: Duration;
    /** A command has set the limit: it holds for the whole session, also if the process itself exits before. */
    readonly endsSession?: boolean;
    /** It is due for recycling, and is to be replaced. */
    readonly isRecycle?: boolean;
    readonly memory?: number;
  };
  /** Ask a process to take no new job. */
  quiet: {
    readonly process: ProcessIdentity;
    /** Undefined: it takes none already, or is being asked; only what follows is new. */
    readonly means?: QuietMeans;
    /** It is asked to exit as soon as it is idle. */
    readonly stopsWhenIdle: boolean;
    /** When it was requested; undefined: now. */
    readonly at?: Moment;
    readonly limit?: Duration;
    /** As of the stop that follows. */
    readonly isRecycle?: boolean;
    readonly memory?: number;
    readonly endsSession?: boolean;
  };
  /** Keep the files of a draining process under another name, so that its replacement can start. */
  retire: { readonly process: ProcessIdentity; readonly runId: string };
  start: object;
  /** Move what a log holds into an older file beside it, while its process continues to write. */
  rotate: {
    readonly runId: string;
    readonly path: string;
    /** The file that it writes to, if that is not the one at the path: how to open it, and which it is (`device:inode`). */
    readonly lost?: { readonly open: string; readonly file: string };
    /** How many older files are kept. */
    readonly keep: number;
  };
}

export type ActionKind = keyof Needs;

/** An action of one kind, with its cause in words; with `retiring`, on an old process beside the instance's. */
export type ActionOf<Kind extends ActionKind> = ProcessRef & {
  readonly kind: Kind;
  readonly cause: string;
} & Needs[Kind];

/** One thing to do. */
export type Action = { [Kind in ActionKind]: ActionOf<Kind> }[ActionKind];

/** What signals a process, or names it as one to be signalled: it needs a witness besides the record of the process. */
const gated: ReadonlySet<ActionKind> = new Set<ActionKind>([
  'limit',
  'kill',
  'dump',
  'resume',
  'stop',
  'quiet',
  'write_pidfile',
]);

export const isGated = ({ kind }: Action): boolean => gated.has(kind);
