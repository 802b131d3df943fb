import { exitCodes } from '../core/basics/exit-codes.ts';
import type { InstanceState } from '../core/views/instance-state.ts';
import { resultLine } from '../output/json/stream.ts';

/** What a command that does nothing says, because no instance is in the state that it was asked for. */
export const noneInState = (command: string, states: readonly InstanceState[]) => ({
  text: `nothing to do: no instance is ${states.join(' or ')}\n`,
  result: resultLine({ command, exitCode: exitCodes.done.code }),
});
