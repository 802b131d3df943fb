import { withoutHandler } from '../../core/rules/refused-signals.ts';
import { mindsSignal } from '../../host/process/signal-handlers.ts';

/** Why a process must not be sent a signal by hand: it would end or freeze it. Undefined: it handles or ignores that. */
export function unhandledSignal(pid: number, instance: string, signal: string): string | undefined {
  const effect = withoutHandler(signal);
  if (effect === undefined || mindsSignal(pid, signal)) return undefined;
  return effect === 'ends'
    ? `it does not handle SIG${signal}, which would end it; to end it: workerctl stop ${instance}`
    : `it does not handle SIG${signal}, which would freeze it with its job`;
}
