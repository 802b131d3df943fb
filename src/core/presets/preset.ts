import type { Condition } from './condition.ts';

/** Where a trap is told: `check` and `doctor` tell it to who sets it up, `stop` to who is about to step into it. */
export const occasions = ['check', 'stop', 'doctor'] as const;

export type Occasion = (typeof occasions)[number];

/** Something that loses jobs or deceives, in whole sentences that say what to do. */
export interface Trap {
  readonly says: string;
  readonly if: Condition;
  readonly at: readonly Occasion[];
  /** It comes with the preset's own settings: a fact to know, not something to change. */
  readonly isNote?: true;
}

/** Values as a config has them. */
export type PresetValue = string | number | boolean;

/** Keys of a worker, as a config has them. */
export type PresetKeys = Readonly<
  Record<string, PresetValue | Readonly<Record<string, PresetValue>>>
>;

/** What is known of one framework. Nothing of it holds for a worker but `keys`, and those only as far as it sets no others. */
export interface Preset {
  /** The framework's own name. */
  readonly title: string;
  /** A command that fits the settings. */
  readonly command: string;
  /**
   * The words by which a command is known to be its own, without their directories unless they have one here; `celery worker`:
   * the second one follows the first somewhere.
   */
  readonly programs: readonly string[];
  /** The versions that the settings were run with; none: they are from the documentation only. */
  readonly ranWith: readonly string[];
  /** The page that documents its signals. */
  readonly source: string;
  readonly keys: PresetKeys;
  /** What it does when it is asked to stop. */
  readonly drains: string;
  /** What is known of a job that was running when the process was killed. */
  readonly lost: string;
  /** What must be freed after a kill, and how; undefined: nothing. */
  readonly leftovers?: string;
  /** How it says what it is busy with: a file of docs/heartbeat, in backquotes, or why it does not. */
  readonly heartbeat: string;
  /** Why no process of its session but the worker itself may get the signal; undefined: they may. */
  readonly refusesSession?: string;
  readonly traps: readonly Trap[];
}

export const hasRun = ({ ranWith }: Preset): boolean => ranWith.length > 0;

/** `run with 6.4.1`, or `not run`. */
export const provenanceOf = ({ ranWith }: Preset): string =>
  ranWith.length > 0 ? `run with ${ranWith.join(', ')}` : 'not run, from its documentation';
