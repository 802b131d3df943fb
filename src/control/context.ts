import type { Draining, Event, Happening } from '../core/event.ts';
import type { Config, Worker } from '../core/worker.ts';
import { workerNameOf } from '../core/targets.ts';
import { now } from '../os/clock.ts';

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
  /** Is told of each event as it happens. */
  readonly report: (event: Event) => void;
  /** Is told from time to time who a waiting command still waits for. */
  readonly reportWaiting: (draining: readonly Draining[]) => void;
}

/** Reports what has happened to an instance just now. */
export function report(context: Context, instance: string, happening: Happening): void {
  context.report({ ...happening, at: now(), instance });
}

/** The worker of an instance. Only instances of configured workers get as far as here. */
export function workerOf(config: Config, instance: string): Worker {
  const name = workerNameOf(instance);
  const worker = config.workers.find((one) => one.name === name);
  if (worker === undefined) throw new Error(`no worker of ${instance} in the config`);
  return worker;
}
