// A command at a terminal of its own, made by script(1).
import xterm from '@xterm/headless';
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { readOr } from './files.ts';
import type { Rig } from './rig.ts';

const size = { cols: 100, rows: 20 };
export interface Session {
  readonly said: () => string;
  readonly type: (keys: string) => void;
  /** Waits for its end; the exit code of the command. */
  readonly end: () => Promise<number | undefined>;
}

/** Runs a command at a terminal of its own, made by script(1). */
export function atTerminal(rig: Rig, command: string): Session {
  const keys = rig.path('keys');
  execFileSync('mkfifo', [keys]);
  const keyboard = openSync(keys, 'r+');
  const words = `stty rows ${size.rows} cols ${size.cols}; exec ${command}`;
  const running = rig.shell(`TERM=xterm exec script -qefc '${words}' screen <keys >/dev/null`);
  return {
    said: () => readOr(rig.path('screen'), ''),
    type: (text) => {
      writeSync(keyboard, text);
    },
    end: async () => {
      const { exitCode } = await running;
      closeSync(keyboard);
      return exitCode;
    },
  };
}

/** What is on the screen after all that was printed, without the first and the last line, which are of script(1). */
export async function screenAfter(said: string): Promise<string> {
  const terminal = new xterm.Terminal({ ...size, allowProposedApi: true, scrollback: 1000 });
  const text = said.replace(/^Script started.*\n/, '').replace(/\nScript done[^]*$/, '');
  await new Promise<void>((resolve) => {
    terminal.write(text, resolve);
  });
  const { buffer } = terminal;
  return Array.from(
    { length: buffer.active.length },
    (_, row) => buffer.active.getLine(row)?.translateToString(true) ?? '',
  )
    .join('\n')
    .trimEnd();
}
