import type { Worker } from '../model/config.ts';
import type { Presence } from '../model/observation.ts';

type Dead = Extract<Presence, { kind: 'dead' }>;

/**
 * How the death of a process ends the work of its instance; undefined: it does not, and another process is started. What
 * was asked to exit has not ended by itself.
 */
export function endOf(
  { onExit, successCodes }: Pick<Worker, 'onExit' | 'successCodes'>,
  { record, death, stop, killing }: Dead,
): 'success' | 'failure' | undefined {
  if (onExit === 'always' || stop?.sent === true) return undefined;
  const isOwnExit = killing === undefined && record.launch === undefined;
  if (isOwnExit && death.kind === 'exited' && successCodes.includes(death.status)) return 'success';
  return onExit === 'never' ? 'failure' : undefined;
}
