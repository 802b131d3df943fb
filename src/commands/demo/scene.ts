import { until, type CommandResult, type Stage } from './stage.ts';
import type { Teller } from './teller.ts';

/** A claim of the story that is not true. */
export class BrokenClaim extends Error {
  override readonly name = 'BrokenClaim';
}

/** What the chapters of the story are told with. */
export interface Scene extends Stage, Teller {
  /**
   * Claims something and checks it: `problem` is what was found instead, or undefined. With `withinMs` it may take so
   * long to become true, and the time is told.
   */
  readonly holds: (
    text: string,
    problem: () => string | undefined,
    withinMs?: number,
  ) => Promise<void>;
  /** Shows a command, runs it, and shows what came of it; it must end with this exit code. */
  readonly runs: (words: string, exitCode: number) => Promise<CommandResult>;
  /** The pid of an instance that has exactly one process. */
  readonly pidOf: (instance: string) => number | undefined;
}

/** A scene on this stage, told by this teller; `signal` ends it early. */
export function sceneOf(stage: Stage, teller: Teller, signal: AbortSignal): Scene {
  return {
    ...stage,
    ...teller,
    holds: async (text, problem, withinMs = 0) => {
      const begun = performance.now();
      const found = await until(problem, withinMs, signal);
      const seconds = ((performance.now() - begun) / 1_000).toFixed(1);
      const isTimed = found === undefined && withinMs > 0;
      teller.claim(isTimed ? `${text} (after ${seconds} s)` : text, found);
      if (found !== undefined) throw new BrokenClaim(`${text}: found ${found}`);
    },
    runs: async (words, exitCode) => {
      teller.command(`workerctl ${words}`);
      const result = await stage.workerctl(...words.split(' '));
      teller.output(result.output, result.exitCode);
      if (result.exitCode === exitCode) return result;
      throw new BrokenClaim(
        `workerctl ${words} must end with ${exitCode}: found ${result.exitCode}`,
      );
    },
    pidOf: (instance) => {
      const [pid, ...others] = stage.processes().get(instance) ?? [];
      return others.length === 0 ? pid : undefined;
    },
  };
}

/** What was found, where a claim is not true. */
export const unless = (isTrue: boolean, found: string): string | undefined =>
  isTrue ? undefined : found;
