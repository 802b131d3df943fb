import { durationOf } from '../../core/basics/time.ts';
import { hasWatch } from '../../host/sockets/pull-trigger.ts';
import { runPass } from '../pass/pass.ts';
import type { Context } from '../session.ts';
import { isLocked } from './settle.ts';

/**
 * Of a command that does not wait for drains: waits until the commands have ended that it has started to make processes
 * quiet, and asks those to exit that are idle. A running watch does that itself.
 */
export async function askQuieted(context: Context, instances: readonly string[]): Promise<void> {
  const { quietCommands, signal, config } = context;
  if (!quietCommands.wereAny() || hasWatch(config.stateDir)) return;
  await quietCommands.settled(signal);
  if (signal.aborted) return;
  try {
    await runPass(context, {
      goal: { kind: 'check' },
      instances,
      lockWait: durationOf(1_000),
      mayHaveStrays: true,
    });
  } catch (error) {
    if (!isLocked(error)) throw error; // that pass does it
  }
}
