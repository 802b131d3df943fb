import { join } from 'node:path';
import type { JournalEntry } from '../../core/events/journal.ts';
import { durationOf } from '../../core/basics/time.ts';
import { readJournal } from '../../host/journal/read.ts';
import { monotonicMs, sleep } from '../../host/process/clock.ts';
import { runProgram } from '../../host/process/run-program.ts';
import { findMarkedProcesses } from '../../host/process/strays.ts';
import type { Colours } from '../../output/plain.ts';
import { wrap } from '../../output/wrap.ts';

/** A claim of the story that is not true. */
export class BrokenClaim extends Error {
  override readonly name = 'BrokenClaim';
}

export interface StageOptions {
  /** The words that run workerctl itself: `[process.execPath, '/…/bin/workerctl']`. */
  readonly workerctl: readonly string[];
  /** Prints everything that the demo says. */
  readonly print: (text: string) => void;
  readonly colours: Colours;
  /** The temporary directory in which the story is played. */
  readonly folder: string;
  /** Ends the commands that are running. */
  readonly signal: AbortSignal;
}

/** What a command wrote on both its outputs, and its exit code. */
interface CommandResult {
  readonly output: string;
  readonly exitCode: number;
}

/** Marks the commands that the demo runs, in their environment. */
export const commandMarker = 'DEMO_FOLDER';

/** A command that takes longer than this hangs. */
const commandLimit = durationOf(20_000);

/** How often a claim is checked until it is true. */
const pollMs = 20;

/** A claim that is true sooner was true at once, for people. */
const shownMs = 50;

const columns = 80;
const indent = '   ';

/** What the story is told with: lines of at most 80 columns, commands that are run, and claims that are checked. */
export type Stage = ReturnType<typeof createStage>;

export function createStage({ workerctl, print, colours, folder, signal }: StageOptions) {
  const stateDir = join(folder, '.workerctl');
  const commands: Promise<unknown>[] = [];
  let steps = 0;
  let last: string | undefined;

  /** Begins a new paragraph when something of another kind is shown. */
  const begin = (kind: string): void => {
    if (last !== undefined && kind !== last) print('\n');
    last = kind;
  };
  const lines = (text: string, style = (line: string) => line, hang = ''): void => {
    for (const line of text.trimEnd().split('\n'))
      for (const part of wrap(line, columns - indent.length, hang))
        print(part === '' ? '\n' : `${indent}${style(part)}\n`);
  };
  const command = (line: string): void => {
    begin('command');
    lines(`$ ${line}`, colours.bold);
  };
  const output = ({ output: text, exitCode }: CommandResult): void => {
    if (last !== 'command') begin('output');
    last = 'output';
    if (text !== '') lines(text, undefined, '    ');
    lines(`exit code ${exitCode}`, colours.dim);
  };
  const execute = async (words: string): Promise<CommandResult> => {
    const { end, lastLines } = await runProgram({
      command: [...workerctl, ...words.split(' ')],
      directory: folder,
      environment: { ...commandEnvironment(colours.level > 0), [commandMarker]: folder },
      timeout: commandLimit,
      signal,
    });
    signal.throwIfAborted();
    return { output: lastLines.join('\n'), exitCode: end.kind === 'exited' ? end.status : -1 };
  };
  const start = (words: string): Promise<CommandResult> => {
    const running = execute(words);
    commands.push(running.catch(() => undefined));
    return running;
  };
  const ends = async (words: string, exitCode: number, running: Promise<CommandResult>) => {
    const result = await running;
    output(result);
    if (result.exitCode === exitCode) return result;
    throw new BrokenClaim(`workerctl ${words}: expected exit code ${exitCode}`);
  };
  return {
    folder,
    /** Begins a chapter; chapters are numbered. */
    step: (title: string): void => {
      begin('step');
      steps += 1;
      print(`${colours.bold(`${steps}. ${title}`)}\n`);
    },
    /** A paragraph; its line breaks do not count. */
    say: (text: string): void => {
      begin('say');
      lines(text.replaceAll('\n', ' '));
    },
    /** Text that is shown as it is, such as a file. */
    quote: (text: string): void => {
      begin('quote');
      lines(text, colours.dim);
    },
    command,
    /** Shows what a command wrote, and its exit code. */
    output,
    /** Runs workerctl with these words, in the directory. */
    start,
    /** Waits for a command and shows its output; it must end with this exit code. */
    ends,
    /** Shows a command, runs it and shows its output; it must end with this exit code. */
    run: (words: string, exitCode: number): Promise<CommandResult> => {
      command(`workerctl ${words}`);
      return ends(words, exitCode, start(words));
    },
    /** Makes a claim and checks it: `look` must find this. With `withinMs` it may take this long to become true. */
    claim: async (
      claim: string,
      expected: string | RegExp,
      look: () => string,
      withinMs = 0,
    ): Promise<void> => {
      const begun = monotonicMs();
      for (;;) {
        signal.throwIfAborted();
        const found = look();
        const took = monotonicMs() - begun;
        if (typeof expected === 'string' ? found === expected : expected.test(found)) {
          const after = took >= shownMs ? ` (after ${(took / 1000).toFixed(1)} s)` : '';
          begin('claim');
          lines(`${colours.green('ok ')}${claim}${after}`, undefined, '   ');
          return;
        }
        if (took > withinMs) {
          begin('claim');
          const problem = `${claim}: expected ${String(expected)}, found ${JSON.stringify(found)}`;
          lines(`${colours.red('NO ')}${problem}`, undefined, '   ');
          throw new BrokenClaim(problem);
        }
        await sleep(pollMs, signal);
      }
    },
    /** The main processes, as the kernel knows them. */
    processes: (): { instance: string; pid: number }[] =>
      findMarkedProcesses(stateDir).map(({ instance, process: { pid } }) => ({ instance, pid })),
    /** All events of the journal, oldest first. */
    events: (): JournalEntry[] => readJournal(stateDir).lines.map(({ entry }) => entry),
    /** The last words. */
    end: (text: string, isGood: boolean): void => {
      begin('end');
      print(`${colours[isGood ? 'green' : 'red'](wrap(text, columns).join('\n'))}\n`);
    },
    /** Waits until the commands that are running have ended. */
    commandsEnded: () => Promise.all(commands),
  };
}

/** Our own environment, without what would make the commands behave differently from those that a person types. */
function commandEnvironment(isColoured: boolean): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) =>
      (!name.startsWith('WORKERCTL_') || name === 'WORKERCTL_LOCK') &&
      !['NO_COLOR', 'FORCE_COLOR', 'NODE_EXTRA_CA_CERTS'].includes(name),
  );
  return { ...Object.fromEntries(kept), [isColoured ? 'FORCE_COLOR' : 'NO_COLOR']: '1' };
}
