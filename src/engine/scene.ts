import type { Config, Worker } from '../core/model/config.ts';
import type { LiveProcess } from '../core/model/process.ts';
import type { ReadinessProbe } from '../host/worker/readiness-probe.ts';
import type { SilenceTracker } from '../host/state/silence.ts';

/** Where to look, and at what. */
export interface Scene {
  readonly config: Config;
  readonly hostName: string;
  /** Pidfiles are not read, for commands that do not repair them. */
  readonly ignoresPidfiles?: boolean;
  /** The names of the existing notes (stop files and the like), if known: saves a lookup per instance. */
  readonly notes?: ReadonlySet<string>;
  /** Remembers from look to look what is ready. Without it, each look waits for the answers. */
  readonly probe?: ReadinessProbe;
  /** Measures what recycling depends on. Without it, nothing is recycled. */
  readonly measures?: Measures;
  /** Whether to look for leftovers of all dead processes, not only those that the config acts on. */
  readonly showsLeftovers?: boolean;
  /** Whether logs with a limit are measured, in order to rotate them. */
  readonly measuresLogs?: boolean;
  /** Measures how long workers give no sign of life. Without it, that is not watched. */
  readonly silence?: SilenceTracker;
}

export const mayHave = ({ notes }: Scene, fileOf: () => string): boolean =>
  notes === undefined || (notes.size > 0 && notes.has(fileOf()));

/** What is measured of processes that may be due for recycling. */
export interface Measures {
  /** How many bytes each of these takes with its session, by pid. */
  readonly memoryOf: (processes: readonly LiveProcess[]) => ReadonlyMap<number, number>;
  /** The release that a start of this worker would get now; undefined if unknown. */
  readonly releaseOf: (worker: Worker) => Promise<string | undefined>;
}
