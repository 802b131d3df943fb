import { createLiveView, type LiveView } from '../output/live.ts';
import { colours } from './colours.ts';
import { beforeErrors, printControls, terminalSize } from './print.ts';

/**
 * A live view on standard output. It steps aside for messages on standard error and while the command is suspended
 * (Ctrl-Z), follows the size of the terminal, and restores it if the command is ended by SIGQUIT (Ctrl-\\). The other
 * ways out are its caller's.
 */
export async function openLiveTerminal(): Promise<LiveView> {
  const size = (): { columns: number; rows: number } => terminalSize() ?? { columns: 80, rows: 24 };
  const view = createLiveView(printControls, size, await colours());
  const suspend = (): void => {
    view.stepAside();
    process.kill(process.pid, 'SIGSTOP');
  };
  const end = (): void => {
    view.end();
    process.off('SIGTSTP', suspend).off('SIGQUIT', quit);
    process.stdout.off('resize', view.redraw);
    beforeErrors(undefined);
  };
  const quit = (): void => {
    end();
    process.kill(process.pid, 'SIGQUIT');
  };
  process.on('SIGTSTP', suspend).on('SIGQUIT', quit);
  process.stdout.on('resize', view.redraw);
  beforeErrors(view.stepAside);
  return { ...view, end };
}
