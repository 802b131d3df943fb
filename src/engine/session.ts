import type { Event, EventBody } from '../core/events/event.ts';
import { loggerOf } from '../core/model/launch.ts';
import type { ProgressView } from '../core/views/phase.ts';
import { workerNameOf } from '../core/model/targets.ts';
import type { Duration } from '../core/basics/time.ts';
import type { Config, Worker } from '../core/model/config.ts';
import { now } from '../host/process/clock.ts';
import type { LockHelper } from '../host/lock/lock-helper.ts';
import type { ReadinessProbe } from '../host/worker/readiness-probe.ts';
import type { MemoryTracker } from '../host/process/memory.ts';
import type { SilenceTracker } from '../host/state/heartbeats.ts';
import type { Measures } from './scene.ts';
import type { HookRunner } from './hooks/background.ts';
import { journalEntry } from '../core/events/journal.ts';
import type { Journal } from '../host/journal/write.ts';

/** Shows how far a waiting command is, again and again. */
export interface ProgressDisplay {
  /** When for the first time, and how long after that each time. */
  readonly first: Duration;
  readonly every: Duration;
  readonly show: (view: ProgressView) => void;
}

/** What a command works with from its start to its end. */
export interface Context {
  readonly config: Config;
  readonly hostName: string;
  /** Who asks, for those who find it stopped: `deploy@web1`. */
  readonly by: string;
  /** The command's name, for those who find the lock held. */
  readonly command: string;
  /** Aborts when somebody has interrupted the command: it stops waiting, for locks and for workers. */
  readonly signal: AbortSignal;
  /** Remembers from look to look which processes are ready. */
  readonly probe: ReadinessProbe;
  /** Remembers from look to look who gives no sign of life. */
  readonly silence: SilenceTracker;
  /** Measures what recycling depends on; only those have it who recycle: bootcheck and watch. */
  readonly measures?: Measures;
  /** Remembers from look to look how much memory processes have. */
  readonly memory: MemoryTracker;
  /** Takes some locks quickly; those have one who wait, and act the moment that they can. */
  readonly lockHelper?: LockHelper;
  /** Runs what passes have left to be run. */
  readonly hooks: HookRunner;
  /** What a start of this worker's would be called now; undefined where nobody knows. */
  readonly releaseOf: (worker: Worker) => Promise<string | undefined>;
  /** Is told of each event as it happens. */
  readonly report: (event: Event) => void;
  readonly progress: ProgressDisplay;
}

/** Reports what has happened to an instance just now. */
export function report(context: Context, instance: string, body: EventBody): void {
  context.report({ ...body, at: now(), instance });
}

/** The logger that an instance's output goes to, for an event: what it wrote is not in its log. */
export function loggerIn({ config, hostName }: Context, instance: string): { logger?: string } {
  const words = loggerOf(workerOf(config, instance), instance, hostName);
  return words === undefined ? {} : { logger: words.join(' ') };
}

/** The worker of an instance. Only instances of configured workers get as far as here. */
export function workerOf(config: Config, instance: string): Worker {
  const name = workerNameOf(instance);
  const worker = config.workers.find((one) => one.name === name);
  if (worker === undefined) throw new Error(`no worker of ${instance} in the config`);
  return worker;
}

/**
 * The same context, whose events go into the journal, each once, before they are told: whoever reads them slowly, or kills
 * us then, takes nothing out of the history. A journal that cannot be written is told once, and stops nobody.
 */
export function journaled(context: Context, journal: Journal): Context {
  const { by, command, report } = context;
  let told: string | undefined;
  return {
    ...context,
    report: (event) => {
      const entry = journalEntry(event);
      if (entry !== undefined) journal.append([{ ...entry, by, command }]);
      report(event);
      const problem = journal.problem();
      if (problem === undefined || problem === told) return;
      told = problem;
      report({ kind: 'warning', at: now(), instance: 'journal', problem });
    },
  };
}
