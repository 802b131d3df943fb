import { withoutSecrets } from '../core/basics/secrets.ts';
import type { Event, EventBody } from '../core/events/event.ts';
import type { ProcessRef } from '../core/model/instance.ts';
import { loggerOf } from '../core/model/launch.ts';
import type { ProgressView } from '../core/views/phase.ts';
import { workerNameOf } from '../core/model/targets.ts';
import type { Duration } from '../core/basics/time.ts';
import type { Config, Worker } from '../core/model/config.ts';
import { now } from '../host/process/clock.ts';
import type { LockHelper } from '../host/lock/lock-helper.ts';
import type { Attending } from '../host/state/attended.ts';
import type { ReadinessProbe } from '../host/worker/readiness-probe.ts';
import type { MemoryTracker } from '../host/state/memory-samples.ts';
import type { SilenceTracker } from '../host/state/silence.ts';
import type { Measures } from './scene.ts';
import type { ReleaseReader } from './observe/release-reader.ts';
import type { QuietCommands } from './apply/running-commands.ts';
import type { HookRunner } from './hooks/background.ts';
import { journalEntry } from '../core/events/journal.ts';
import type { Journal } from '../host/journal/write.ts';

/** Shows how far a waiting command has come, at intervals. */
export interface ProgressDisplay {
  /** How long until it is shown first, and how long between two times. */
  readonly first: Duration;
  readonly every: Duration;
  readonly show: (view: ProgressView) => void;
}

/** How a command starts workers outside the session that it runs in: by a running watch, else in a scope of their own. */
export interface StartsOutside {
  /** The watch has not started anything in time. */
  hasWatchFailed: boolean;
  /** Whether what the command starts outlives its session; set once that was looked into. */
  hasLeftSession?: Promise<boolean>;
}

/** What a command works with from its start to its end. */
export interface Context {
  readonly config: Config;
  readonly hostName: string;
  /** The user who asks, shown with what was asked for: `deploy@web1`. */
  readonly by: string;
  /** The command's name, shown to a command that finds the lock held. */
  readonly command: string;
  /** Aborts when the command is interrupted: it stops waiting for locks and for workers. */
  readonly signal: AbortSignal;
  /** Remembers from look to look which processes are ready. */
  readonly probe: ReadinessProbe;
  /** Remembers from look to look how long processes have given no sign of life. */
  readonly silence: SilenceTracker;
  /** Measures what recycling depends on. Only bootcheck and watch recycle; other commands have none. */
  readonly measures?: Measures;
  /** How many instances of a worker it starts at a time if many are missing; undefined: all of them. */
  readonly startsAtOnce?: number;
  /** Set for a command of people, cron or CI: its workers must not depend on the session that it runs in. */
  readonly startsOutside?: StartsOutside;
  /** Remembers from look to look how much memory processes have. */
  readonly memory: MemoryTracker;
  /** Of a command that waits: the instances of which it sees the deaths, and then removes the pidfiles. */
  readonly attending?: Attending;
  /** Takes some locks quickly, for commands that wait and then act at once. */
  readonly lockHelper?: LockHelper;
  /** Runs the hooks that passes have spooled. */
  readonly hooks: HookRunner;
  /** The commands that make processes quiet, as far as this command has started them. */
  readonly quietCommands: QuietCommands;
  /** The release, if a file or a command names it. */
  readonly releases: ReleaseReader;
  /** Gets each event as it happens. */
  readonly report: (event: Event) => void;
  readonly progress: ProgressDisplay;
}

/** Reports what has just happened to an instance, or to an old process of it. */
export function report(
  context: Pick<Context, 'report'>,
  of: string | ProcessRef,
  body: EventBody,
): void {
  const { instance, retiring }: ProcessRef = typeof of === 'string' ? { instance: of } : of;
  context.report({ ...body, at: now(), instance, ...(retiring !== undefined && { retiring }) });
}

/** The same context, which hands each event to `hear` before it is reported. */
export const listening = (context: Context, hear: (event: Event) => void): Context => ({
  ...context,
  report: (event) => {
    hear(event);
    context.report(event);
  },
});

/** The same context, which reports nothing. */
export const silent = (context: Context): Context => ({ ...context, report: () => undefined });

/**
 * The same context, which writes each event to the journal before it is reported, so that the history is whole even if
 * its reader is slow or kills the command. A journal that cannot be written is reported once, and stops nothing.
 */
export function journaled(context: Context, journal: Journal): Context {
  const { by, command } = context;
  let reported: string | undefined;
  return {
    ...context,
    report: (event) => {
      const isThere = event.isOthers === true || event.isRepeated === true;
      const entry = isThere ? undefined : journalEntry(event);
      if (entry !== undefined) journal.append([{ ...entry, by, command }]);
      context.report(event);
      const problem = journal.problem();
      if (problem === undefined || problem === reported) return;
      reported = problem;
      report(context, 'journal', { kind: 'warning', problem });
    },
  };
}

/** The logger that an instance's output goes to, for an event: what it wrote is not in its log. */
export function loggerIn({ config, hostName }: Context, instance: string): { logger?: string } {
  const words = loggerOf(workerOf(config, instance), instance, hostName);
  return words === undefined ? {} : { logger: withoutSecrets(words.join(' ')) };
}

/** The worker of an instance. Only instances of configured workers get as far as here. */
export function workerOf(config: Config, instance: string): Worker {
  const name = workerNameOf(instance);
  const worker = config.workers.find((one) => one.name === name);
  if (worker === undefined) throw new Error(`no worker of ${instance} in the config`);
  return worker;
}
