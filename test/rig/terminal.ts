// A command at a terminal of its own, made by script(1).
import xterm from '@xterm/headless';
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { readOr } from './files.ts';
import { processAt, signal, stateOf } from './kernel.ts';
import type { Rig } from './rig.ts';
import { until } from './wait.ts';

export interface Size {
  readonly cols: number;
  readonly rows: number;
}

const usual: Size = { cols: 100, rows: 20 };

export interface Session {
  readonly said: () => string;
  readonly type: (keys: string) => void;
  /** The pid of the command, once it runs. */
  readonly pid: () => Promise<number>;
  /** Gives the terminal another size, right after the command has written something. */
  readonly resize: (size: Size) => Promise<void>;
  /** Continues the command after Ctrl-Z: script(1) has stopped with it. */
  readonly goOn: () => Promise<void>;
  /** What is on the screen now, and above it. */
  readonly screen: () => Promise<string>;
  /** Waits for its end; the exit code of the command. */
  readonly end: () => Promise<number | undefined>;
}

/** Runs a command at a terminal of its own, made by script(1). */
export function atTerminal(rig: Rig, command: string, size: Size = usual): Session {
  const keys = rig.path('keys');
  execFileSync('mkfifo', [keys]);
  const keyboard = openSync(keys, 'r+');
  const words = `stty rows ${size.rows} cols ${size.cols}; tty >tty; echo $$ >pid; exec ${command}`;
  const running = rig.shell(`TERM=xterm exec script -qefc '${words}' screen <keys >/dev/null`);
  const said = (): string => readOr(rig.path('screen'), '');
  const pid = (): Promise<number> =>
    until('the command to run', () => Number(readOr(rig.path('pid'), '')) || undefined);
  const resized: Resized[] = [{ at: 0, size }];
  return {
    said,
    type: (text) => {
      writeSync(keyboard, text);
    },
    pid,
    resize: async (to) => {
      const before = said();
      await until('it to write something', () => said() !== before);
      resized.push({ at: said().length, size: to });
      const tty = readOr(rig.path('tty'), '').trim();
      execFileSync('stty', ['-F', tty, 'rows', String(to.rows), 'cols', String(to.cols)]);
    },
    goOn: async () => {
      const stopped = await pid();
      await until('it to be stopped', () => stateOf(stopped) === 'T');
      for (const one of [processAt(stopped)?.parent ?? 0, stopped]) signal(one, 'SIGCONT');
    },
    screen: () => shownAfter(said(), resized),
    end: async () => {
      const { exitCode } = await running;
      closeSync(keyboard);
      return exitCode;
    },
  };
}

/** The size of the terminal from this character of what was printed on. */
interface Resized {
  readonly at: number;
  readonly size: Size;
}

/** What is on the screen after all that was printed, without the first and the last line, which are of script(1). */
export const screenAfter = (said: string): Promise<string> =>
  shownAfter(said, [{ at: 0, size: usual }]);

async function shownAfter(said: string, resized: readonly Resized[]): Promise<string> {
  const terminal = new xterm.Terminal({ allowProposedApi: true, scrollback: 1000 });
  for (const [index, { at, size }] of resized.entries()) {
    terminal.resize(size.cols || 80, size.rows || 24);
    const text = said
      .slice(at, resized[index + 1]?.at)
      .replace(/^Script started.*\n/, '')
      .replace(/\nScript done[^]*$/, '');
    await new Promise<void>((resolve) => {
      terminal.write(text, resolve);
    });
  }
  const { buffer } = terminal;
  return Array.from(
    { length: buffer.active.length },
    (_, row) => buffer.active.getLine(row)?.translateToString(true) ?? '',
  )
    .join('\n')
    .trimEnd();
}
