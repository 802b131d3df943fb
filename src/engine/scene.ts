import type { Config } from '../core/model/config.ts';
import type { Desired } from '../core/model/desired.ts';
import type { ObservedInstance } from '../core/model/observation.ts';
import type { LiveProcess } from '../core/model/process.ts';
import type { ReadinessProbe } from '../host/worker/readiness-probe.ts';
import type { SilenceTracker } from '../host/state/silence.ts';
import type { ReleaseReader } from './observe/release-reader.ts';

/** Where to look, and at what. */
export interface Scene {
  readonly config: Config;
  readonly hostName: string;
  /** Pidfiles are not read, for commands that do not repair them. */
  readonly ignoresPidfiles?: boolean;
  /** What is known of instances that are not looked at now. */
  readonly others?: ReadonlyMap<string, ObservedInstance>;
  /** The names of the existing notes (stop files and the like), if known: saves a lookup per instance. */
  readonly notes?: ReadonlySet<string>;
  /** Remembers from look to look what is ready. Without it, each look waits for the answers. */
  readonly probe?: ReadinessProbe;
  /** Measures what recycling depends on. Without it, nothing is recycled. */
  readonly measures?: Measures;
  /** The directories that workers are pinned to, for `measures`. */
  readonly pins?: Desired['pins'];
  /** See Observation. */
  readonly startsAtOnce?: number;
  /** Whether to look for leftovers of all dead processes, not only those that the config acts on. */
  readonly showsLeftovers?: boolean;
  /** Whose logs are measured: of those with a limit, in order to rotate them, or of all. */
  readonly measuresLogs?: 'limited' | 'all';
  /** Whether to look if the process that has this log still writes to the file there. Without it, that is not looked for. */
  readonly seesLog?: (path: string) => boolean;
  /** Measures how long workers give no sign of life. Without it, that is not watched. */
  readonly silence?: SilenceTracker;
}

export const mayHave = ({ notes }: Scene, fileOf: () => string): boolean =>
  notes === undefined || (notes.size > 0 && notes.has(fileOf()));

/** What is measured of processes that may be due for recycling. */
export interface Measures {
  /** How many bytes each of these takes with its session, by pid. */
  readonly memoryOf: (processes: readonly LiveProcess[]) => ReadonlyMap<number, number>;
  /** The release, if a file or a command names it. */
  readonly releases: ReleaseReader;
}
