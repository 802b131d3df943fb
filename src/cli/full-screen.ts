import { changeLines, hideCursor, showCursor } from '../output/screen.ts';
import { hasReader, printControls, terminalSize } from './print.ts';

const alternate = '\x1b[?1049h\x1b[2J\x1b[H';
const normal = '\x1b[?7h\x1b[?1049l';

/** The alternate screen of the terminal, whole. */
export interface FullScreen {
  /** Shows these lines in place of the last ones; only those that differ are written. */
  readonly draw: (lines: readonly string[]) => void;
  /** Everything is written again: others may have written to the terminal. */
  readonly clear: () => void;
  /** Hands the terminal back, stops the process as Ctrl-Z does, and takes the terminal again. */
  readonly suspend: () => void;
  /** Restores the terminal; nothing is drawn any more. */
  readonly end: () => void;
}

/**
 * Takes the terminal: its alternate screen, and its keys one by one. It is restored by `end`, and if the process ends in any
 * other way that it notices.
 * @param onKeys what was typed; undefined: the terminal is gone
 */
export function openFullScreen(
  onKeys: (sent: string | undefined) => void,
  onResize: () => void,
): FullScreen {
  let shown: readonly string[] = [];
  let state: 'closed' | 'open' | 'ended' = 'closed';
  const { stdin } = process;
  const open = (): void => {
    if (state === 'ended') return;
    if (state === 'closed') printControls(hideCursor + alternate);
    state = 'open';
    shown = [];
    setRaw(true);
  };
  const close = (): void => {
    if (state === 'open') printControls(normal + showCursor);
    if (state !== 'ended') state = 'closed';
    setRaw(false);
  };
  const clear = (): void => {
    shown = [];
    if (state === 'open') printControls('\x1b[2J\x1b[H');
    onResize();
  };
  const onContinue = (): void => {
    open();
    clear();
  };
  const onQuit = (): void => {
    close();
    process.exit(131);
  };
  const onGone = (): void => {
    onKeys(undefined);
  };
  const typed = (sent: string): void => {
    onKeys(sent);
  };
  process.on('exit', close);
  process.on('uncaughtExceptionMonitor', close);
  process.on('SIGCONT', onContinue);
  process.on('SIGQUIT', onQuit);
  process.stdout.on('resize', clear);
  stdin.setEncoding('utf8').on('data', typed).on('end', onGone).on('error', onGone);
  open();
  return {
    draw: (lines) => {
      if (state !== 'open') return;
      const text = changeLines(shown, lines);
      shown = lines;
      if (text !== '') printControls(text);
      if (!hasReader()) onGone();
    },
    clear,
    suspend: () => {
      close();
      process.kill(process.pid, 'SIGTSTP');
    },
    end: () => {
      close();
      state = 'ended';
      process.off('exit', close).off('uncaughtExceptionMonitor', close);
      process.off('SIGCONT', onContinue).off('SIGQUIT', onQuit);
      process.stdout.off('resize', clear);
      stdin.off('data', typed).off('end', onGone).off('error', onGone).pause();
    },
  };
}

/** Without a keyboard of its own (`</dev/null`) it is ended by a signal. */
function setRaw(isRaw: boolean): void {
  try {
    if (process.stdin.isTTY) process.stdin.setRawMode(isRaw);
  } catch {
    // The terminal is gone.
  }
}

/** The size of the screen; that of a common one if the terminal does not say. */
export const screenSize = (): { readonly columns: number; readonly rows: number } =>
  terminalSize() ?? { columns: 80, rows: 24 };
