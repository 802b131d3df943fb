import { createAsk } from '../../host/process/ask-program.ts';
import { isShuttingDown } from '../../host/process/system-state.ts';
import { endingWatch } from '../../host/state/ending-note.ts';
import type { Context } from '../session.ts';

/** These act unasked; a person who starts something during a shutdown wants it. */
const unattended = new Set(['bootcheck', 'watch']);

/** Why nothing may be started now; undefined: starts are allowed. Asked only before something is started. */
export async function whyBarred({ command, config }: Context): Promise<string | undefined> {
  const ending = endingWatch(config.stateDir);
  if (ending !== undefined)
    return `workerctl watch, pid ${ending.pid}, is stopping all instances and then exits`;
  if (unattended.has(command) && (await isShuttingDown(createAsk(process.env))))
    return 'the host is shutting down';
  return undefined;
}
