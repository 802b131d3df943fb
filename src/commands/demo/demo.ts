import { constants } from 'node:os';
import { BrokenClaim } from './scene.ts';
import { createStage } from './stage.ts';
import { tellStory } from './story.ts';
import { createTeller } from './teller.ts';

export interface DemoOptions {
  /** The words that run workerctl itself: `[process.execPath, '/…/bin/workerctl']`. */
  readonly workerctl: readonly string[];
  /** All that the demo has to say goes here. */
  readonly print: (text: string) => void;
  readonly colours: boolean;
}

/** Whether every claim of the story was found true; `signal` is the number of the one that ended it early. */
export interface DemoOutcome {
  readonly kind: 'demo';
  readonly held: boolean;
  readonly signal?: number;
}

/** The story must not take longer. */
const storyMs = 30_000;

/**
 * Plays a deploy with three real workers and a real spool of jobs in a temporary folder, and checks each claim that it
 * makes. Leaves no process and no file, however it ends.
 */
export async function demo({ workerctl, print, colours }: DemoOptions): Promise<DemoOutcome> {
  const teller = createTeller(print, colours);
  const ended = endedEarly();
  const stage = createStage({ workerctl, colours, signal: ended.signal });
  process.once('exit', stage.clear);
  try {
    await tellStory(stage, teller, ended.signal);
    teller.end('The story holds: no job was lost, none was done twice.', true);
    return { kind: 'demo', held: true };
  } catch (error) {
    const signal = ended.received();
    if (!ended.signal.aborted && !(error instanceof BrokenClaim)) throw error;
    teller.end(signal === undefined ? whyBroken(error) : 'Interrupted; cleaning up.', false);
    return { kind: 'demo', held: false, ...(signal !== undefined && { signal }) };
  } finally {
    ended.end();
    await stage.commandsEnded();
    stage.clear();
    process.off('exit', stage.clear);
    ended.dispose();
  }
}

const whyBroken = (error: unknown): string =>
  error instanceof BrokenClaim
    ? `The story does not hold: ${error.message}.`
    : `The story does not hold: it took more than ${storyMs / 1000} s.`;

/** Aborts at Ctrl-C and the like, and when the time is over. */
function endedEarly(): {
  signal: AbortSignal;
  received: () => number | undefined;
  end: () => void;
  dispose: () => void;
} {
  const aborted = new AbortController();
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  let received: number | undefined;
  const end = (): void => {
    aborted.abort();
  };
  const interrupt = (name: (typeof names)[number]): void => {
    received ??= constants.signals[name];
    end();
  };
  const timer = setTimeout(end, storyMs);
  for (const name of names) process.on(name, interrupt);
  return {
    signal: aborted.signal,
    received: () => received,
    end,
    dispose: () => {
      clearTimeout(timer);
      for (const name of names) process.off(name, interrupt);
    },
  };
}
