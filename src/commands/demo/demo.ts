import { interruption } from '../../cli/interruption.ts';
import { BrokenClaim, createStage } from './stage.ts';
import { tellStory } from './story.ts';
import { createTeller } from './teller.ts';

export interface DemoOptions {
  /** The words that run workerctl itself: `[process.execPath, '/…/bin/workerctl']`. */
  readonly workerctl: readonly string[];
  /** Prints everything that the demo says. */
  readonly print: (text: string) => void;
  readonly colours: boolean;
}

export interface DemoOutcome {
  /** Whether every claim of the story was true. */
  readonly held: boolean;
  /** The number of the signal that ended it early. */
  readonly signal?: number | undefined;
}

/** The story must not take longer. */
const storyMs = 30_000;

/**
 * Plays a deploy with three real workers and a real spool of jobs in a temporary directory, and checks each claim that it
 * makes. Leaves no process and no file, however it ends.
 */
export async function demo({ workerctl, print, colours }: DemoOptions): Promise<DemoOutcome> {
  const teller = createTeller(print, colours);
  const interrupt = interruption();
  const ended = AbortSignal.any([interrupt.signal, AbortSignal.timeout(storyMs)]);
  const stage = createStage({ workerctl, colours, signal: ended, teller });
  process.once('exit', stage.clear);
  try {
    await tellStory(stage);
    teller.end('The story holds: no job was lost, and none was done twice.', true);
    return { held: true };
  } catch (error) {
    if (!ended.aborted && !(error instanceof BrokenClaim)) throw error;
    const signal = interrupt.received();
    teller.end(signal === undefined ? describe(error) : 'Interrupted; cleaning up.', false);
    return { held: false, signal };
  } finally {
    await stage.commandsEnded();
    stage.clear();
    process.off('exit', stage.clear);
    interrupt.dispose();
  }
}

const describe = (error: unknown): string =>
  error instanceof BrokenClaim
    ? `The story does not hold: ${error.message}.`
    : `The story does not hold: it took more than ${storyMs / 1000} s.`;
