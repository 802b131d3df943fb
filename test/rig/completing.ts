// A shell at a terminal, in which Tab is pressed.
import { expect } from 'vitest';
import { fixture } from './programs.ts';
import { createRig, type Rig } from './rig.ts';
import { atTerminal, screenAfter, type Session } from './terminal.ts';
import { until } from './wait.ts';

/** A shell that is tried. */
export interface Shell {
  /** Starts it without the startup files of whoever runs the tests. */
  readonly command: string;
  /** What its user types once, so that workerctl is completed. */
  readonly setUp: string;
  /** What it shows when it is done with that; typed so that the line itself does not hold it. */
  readonly ready?: string;
}

/** Workers with two instances each, tags and a worker without any. */
export const completedRig = (): Rig => {
  const runs = { command: fixture('idle'), count: 2 };
  const rig = createRig({
    mail: { ...runs, tags: ['slow'] },
    images: { ...runs, tags: ['slow', 'cheap'] },
    fsck: { ...runs, identifiers: ['daily'], count: undefined },
  });
  return rig;
};

export interface Prompt {
  /** Types the beginning of a line and Tab; the line must become this. Then it is removed. */
  readonly completes: (typed: string, line: string) => Promise<void>;
  /** Types the beginning of a line and Tab twice; all of these must be shown. */
  readonly lists: (typed: string, words: readonly string[]) => Promise<void>;
  readonly end: () => Promise<void>;
}

const screenOf = (session: Session): Promise<string> => screenAfter(session.said());

/** What stands behind the last prompt on the screen. */
const lastLine = (screen: string): string | undefined =>
  screen
    .split('\n')
    .flatMap((line) => /^>>(?: (.*))?$/.exec(line)?.[1] ?? (line === '>>' ? '' : []))
    .at(-1);

/** Starts the shell; its prompt is `>> `. */
export async function promptOf(rig: Rig, { command, setUp }: Shell): Promise<Prompt> {
  const session = atTerminal(rig, command);
  const shows = (what: string, isShown: (screen: string) => boolean): Promise<unknown> =>
    until(`${command} to show ${what}`, async () => isShown(await screenOf(session)));
  session.type(`${setUp}; echo set''up\n`);
  await shows('its prompt', (screen) => /^setup/m.test(screen) && lastLine(screen) === '');
  const clear = async (): Promise<void> => {
    session.type('\x15');
    await shows('an empty line', (screen) => lastLine(screen) === '');
  };
  return {
    completes: async (typed, line) => {
      session.type(`${typed}\t`);
      await shows(`"${line}"`, (screen) => lastLine(screen) === line);
      await clear();
    },
    lists: async (typed, words) => {
      session.type(`${typed}\t\t`);
      await shows(words.join(' '), (screen) => words.every((word) => screen.includes(word)));
      await clear();
    },
    end: async () => {
      session.type('exit 0\n');
      expect(await session.end()).toBe(0);
    },
  };
}
