import { configuredInstances } from '../cli/targets.ts';
import { defineCommand } from '../cli/command.ts';
import { usageError } from '../cli/options.ts';
import { runActing } from '../cli/run-acting.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import type { ActOutcome } from '../core/events/outcome.ts';
import { allObserved, liveProcess, type ObservedInstance } from '../core/model/observation.ts';
import { workerNameOf } from '../core/model/targets.ts';
import { refusedSignal, signalIn } from '../core/rules/refused-signals.ts';
import { admitted } from '../engine/apply/run.ts';
import { acted, recording } from '../engine/command.ts';
import { observeReported } from '../engine/observe/observe.ts';
import { unhandledSignal } from '../engine/observe/unhandled-signal.ts';
import { withStrays } from '../engine/observe/strays.ts';
import { claimsIn, type ClaimFor } from '../engine/observe/witnesses.ts';
import { report, type Context } from '../engine/session.ts';
import { describeErrno, errnoOf } from '../host/files/errno.ts';
import { findProcess } from '../host/process/process-table.ts';
import { sendSignal } from '../host/process/signal.ts';
import { readDesired } from '../host/state/desired-file.ts';

/** `workerctl signal`. */
export const command = defineCommand({
  summary: 'Send instances a signal that they handle, such as USR1 to dump what they are doing.',
  operands: 'SIGNAL TARGET...',
  description: `
It goes to the main process of each instance, once that is known to be the instance's. Signals that end a
process are refused, and so is one that the process neither handles nor ignores, because it would end
it: workerctl stop, restart, quiet and resume do that, and keep account of it.`,
  options: {},
  examples: [
    ['workerctl signal USR1 mail.1'],
    ['workerctl signal HUP mail web', 'let them open their logs again'],
  ],
  exitCodes: {
    done: 'all have got it',
    failed: 'one does not run, or has not got it',
    usage: 'no such signal or target, or one that stops a worker',
  },
  run: ({ targets: [named, ...targets], global }) => {
    const signal = named === undefined ? undefined : signalIn(named);
    if (named === undefined || targets.length === 0)
      throw usageError('signal', 'signal: expected SIGNAL and TARGET');
    if (signal === undefined)
      throw usageError(
        'signal',
        `signal: expected the name of a signal, such as USR1 or HUP, found ${JSON.stringify(named)}`,
      );
    return runActing('signal', send, { signal, targets, dryRun: false }, global);
  },
});

interface SendOptions {
  /** Without SIG. */
  readonly signal: string;
  readonly targets: readonly string[];
  readonly dryRun: false;
}

/** Sends a signal to the processes of instances. Nothing is asked of them that has to be remembered, so no lock is taken. */
async function send(context: Context, { signal, targets }: SendOptions): Promise<ActOutcome> {
  const { config } = context;
  const instances = configuredInstances(context, targets);
  const names = new Set(instances.map(workerNameOf));
  for (const worker of config.workers.filter(({ name }) => names.has(name))) {
    const refused = refusedSignal(worker, signal);
    if (refused !== undefined)
      throw new WorkerctlError('usage', refused.problem, { hint: refused.hint });
  }
  const { recorded, events } = recording(context);
  const looked = await observeReported(context, instances);
  const areUp = allObserved(looked).every((one) => liveProcess(one) !== undefined);
  const seen = areUp ? looked : withStrays(context, looked);
  const claimFor = claimsIn(context, { observation: seen, desired: readDesired(config.stateDir) });
  for (const observed of seen.instances.values())
    sendTo({ context: recorded, claimFor }, observed, signal);
  const outcome = acted('signal', events, { kind: 'not_waited' });
  return events.some(({ kind }) => kind === 'not_running')
    ? { ...outcome, end: 'refused' }
    : outcome;
}

function sendTo(
  run: { readonly context: Context; readonly claimFor: ClaimFor },
  observed: ObservedInstance,
  signal: string,
): void {
  const { name: instance } = observed;
  const living = liveProcess(observed);
  const process = living && admitted(run, { instance, process: living });
  if (living !== undefined && process === undefined) return; // it has been reported why
  if (process === undefined || findProcess(process) === undefined) {
    report(run.context, instance, { kind: 'not_running' });
    return;
  }
  const { pid } = process;
  const problem =
    unhandledSignal(pid, instance, signal) ??
    attempt(() => {
      sendSignal(process, signal);
    });
  report(
    run.context,
    instance,
    problem === undefined
      ? { kind: 'signal_sent', pid, signal }
      : { kind: 'signal_failed', pid, problem },
  );
}

function attempt(act: () => void): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return errnoOf(error) === 'EPERM' ? 'it belongs to another user' : describeErrno(error);
  }
}
