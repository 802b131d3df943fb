import type { Event, Happening } from '../core/event.ts';
import { loggerOf } from '../core/launch.ts';
import type { ProgressView } from '../core/progress.ts';
import { workerNameOf } from '../core/targets.ts';
import type { Duration } from '../core/time.ts';
import type { Config, Worker } from '../core/worker.ts';
import { now } from '../os/clock.ts';
import type { LockKeeper } from '../os/lock/lock-keeper.ts';
import type { ReadinessProbe } from '../os/readiness-probe.ts';
import type { MemoryTracker } from '../os/memory.ts';
import type { SilenceTracker } from '../os/silence.ts';
import type { Measures } from './measure.ts';
import type { HookRunner } from './hook-runner.ts';

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
  readonly keeper?: LockKeeper;
  /** Runs what passes have left to be run. */
  readonly hooks: HookRunner;
  /** What a start of this worker's would be called now; undefined where nobody knows. */
  readonly releaseOf: (worker: Worker) => string | undefined;
  /** Is told of each event as it happens. */
  readonly report: (event: Event) => void;
  readonly progress: ProgressDisplay;
}

/** Reports what has happened to an instance just now. */
export function report(context: Context, instance: string, happening: Happening): void {
  context.report({ ...happening, at: now(), instance });
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
