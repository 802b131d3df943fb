import type { Config, Worker } from '../core/model/config.ts';
import type { LiveProcess } from '../core/model/process.ts';
import type { ReadinessProbe } from '../host/worker/readiness-probe.ts';
import type { SilenceTracker } from '../host/state/silence.ts';

/** Where to look, and at what. */
export interface Scene {
  readonly config: Config;
  readonly hostName: string;
  /** Pidfiles are not read: whoever only looks does not repair them. */
  readonly ignoresPidfiles?: boolean;
  /** The stop files and the like that there are, where that is known: a thousand instances need not be asked for theirs. */
  readonly notes?: ReadonlySet<string>;
  /** Remembers from look to look what is ready. Who looks only once has none, and waits for the answers. */
  readonly probe?: ReadinessProbe;
  /** Measures what recycling depends on. Who has none replaces nobody because he is worn. */
  readonly measures?: Measures;
  /** What dead processes have left behind is to be shown, whatever the config makes of it. */
  readonly showsLeftovers?: boolean;
  /** Whether logs with a limit are measured: done by those who rotate them. */
  readonly measuresLogs?: boolean;
  /** Measures how long workers give no sign of life. Who has none does not watch for that. */
  readonly silence?: SilenceTracker;
}

export const mayHave = ({ notes }: Scene, fileOf: () => string): boolean =>
  notes === undefined || (notes.size > 0 && notes.has(fileOf()));

/** What is measured of processes that may be worn. */
export interface Measures {
  /** How many bytes each of these takes with its session, by pid. */
  readonly memoryOf: (processes: readonly LiveProcess[]) => ReadonlyMap<number, number>;
  /** What a start of this worker's would be called now; undefined where nobody knows. */
  readonly releaseOf: (worker: Worker) => Promise<string | undefined>;
}
