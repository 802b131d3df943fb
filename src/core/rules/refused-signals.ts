import type { Worker } from '../model/config.ts';
import { signalNumber } from '../model/signal-names.ts';

/** What a signal does to a process that has no handler for it: nothing, or what `sentence` says. Source: signal(7). */
export function withoutHandler(signal: string): 'ends' | 'freezes' | undefined {
  if (['CHLD', 'CONT', 'URG', 'WINCH'].includes(signal)) return undefined;
  return ['STOP', 'TSTP', 'TTIN', 'TTOU'].includes(signal) ? 'freezes' : 'ends';
}

/** The name of a signal in `USR1`, `SIGUSR1`, `usr1` or `10`, without SIG; undefined: there is no such signal. */
export function signalIn(text: string): string | undefined {
  const name = text.toUpperCase().replace(/^SIG/, '');
  return signalNumber(name) === 0 ? undefined : name;
}

/** Those that end a process, perhaps by way of its own handler, and what to use instead. */
const ending: Readonly<Record<string, string>> = {
  ...Object.fromEntries(['TERM', 'INT', 'QUIT'].map((name) => [name, 'stop'])),
  ...Object.fromEntries(
    ['KILL', 'ABRT', 'SEGV', 'BUS', 'FPE', 'ILL', 'SYS', 'TRAP'].map((name) => [
      name,
      'stop --now',
    ]),
  ),
};

/** Why a signal is not sent to a worker by hand, and the command that does what it is for; undefined: it may be sent. */
export function refusedSignal(
  { name: worker, stop }: Pick<Worker, 'name' | 'stop'>,
  signal: string,
): { readonly problem: string; readonly hint: string } | undefined {
  const refused = (what: string, command: string) => ({
    problem: `${worker}: SIG${signal} ${what}`,
    hint: `workerctl ${command.replace(/^\w+/, `$& ${worker}`)} does that, and keeps account of it`,
  });
  if (signal === stop.signal) return refused('asks it to finish and exit (stop.signal)', 'stop');
  if (signal === stop.quiet) return refused('lets it take no new jobs (stop.quiet)', 'quiet');
  if (signal === stop.resume) return refused('lets it take jobs again (stop.resume)', 'resume');
  const command = ending[signal];
  if (command !== undefined) return refused('ends it', command);
  if (signal !== 'STOP') return undefined;
  return {
    problem: `${worker}: SIGSTOP freezes it, and its job with it`,
    hint: `to keep it from taking jobs: workerctl quiet ${worker}; to leave it alone: workerctl hold ${worker}`,
  };
}
