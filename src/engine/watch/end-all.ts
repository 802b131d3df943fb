import { requestFor } from './look.ts';
import { durationOf } from '../../core/basics/time.ts';
import type { Draining } from '../../core/events/draining.ts';
import type { StopSignal } from '../../core/model/config.ts';
import { keyOf, shownName } from '../../core/model/instance.ts';
import {
  allObserved,
  drainingSince,
  keyOfObserved,
  liveProcess,
  refOf,
  sentStop,
  unclearStop,
  type ObservedInstance,
} from '../../core/model/observation.ts';
import { selectInstances, workerNameOf } from '../../core/model/targets.ts';
import { sessionStop } from '../../core/rules/awaited.ts';
import { snapshotOf } from '../../core/rules/snapshot.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import { monotonicMs, sleep } from '../../host/process/clock.ts';
import { describeErrno } from '../../host/files/errno.ts';
import { testable } from '../../host/files/fault-point.ts';
import { findProcess } from '../../host/process/process-table.ts';
import { sendSignal } from '../../host/process/signal.ts';
import { forgetEnding, noteEnding } from '../../host/state/ending-note.ts';
import { stateFilesIn } from '../../host/state/record-cache.ts';
import { observe } from '../observe/observe.ts';
import { lookForStrays } from '../observe/presence.ts';
import { claimsIn } from '../observe/witnesses.ts';
import { hearWitnesses } from '../../host/worker/witness.ts';
import { seenDesired } from '../../host/state/desired-file.ts';
import type { Witnessed } from '../../core/model/process.ts';
import { adoptionsAfter } from '../../core/rules/adoptions.ts';
import type { PassRequest } from '../pass/decide.ts';
import { runPass, planPass } from '../pass/pass.ts';
import { listening, report, silent, type Context } from '../session.ts';
import { drainingOf } from '../wait/settle.ts';
import { createTrouble, firstPauseMs, type Trouble } from './trouble.ts';

/** Pauses between looks, from now on. A long drain is looked at less and less often: after ten seconds, once a second. */
function createPauses(): () => Promise<void> {
  const begun = monotonicMs();
  return () => sleep(Math.min(1_000, 100 + (monotonicMs() - begun) / 10));
}

const cause = 'watch ends';

/** What still runs while all instances are being stopped. */
export interface Ending {
  readonly draining: readonly Draining[];
  /** Instances that were not asked yet, for example because another pass is running. */
  readonly unasked: readonly string[];
}

/**
 * Stops all instances and waits for them, for a container that ends. Reports what still runs when it is asked to. It returns only
 * when all have exited: if passes fail, the workers are asked without them.
 */
export async function endAll(
  context: Context,
  onAsked: (tell: () => void) => void,
  tell: (ending: Ending) => void,
): Promise<void> {
  const lasting = { ...context, signal: new AbortController().signal }; // the watch's own signal is aborted already
  onAsked(() => {
    // If looking fails, so does the pass below, which says why.
    void lookAtEnding(lasting).then(tell, () => undefined);
  });
  const trouble = createTrouble(() => context);
  const forget = keepDown(lasting);
  const pause = createPauses();
  try {
    if (await endByPasses(lasting, trouble, pause)) return;
    await endWithoutPasses(lasting, trouble, pause);
  } finally {
    forget();
  }
}

/** Keeps other commands from starting instances meanwhile. If that is not possible, the instances still have to end. */
function keepDown(context: Context): () => void {
  const { stateDir } = context.config;
  try {
    noteEnding(stateDir);
    return () => {
      forgetEnding(stateDir);
    };
  } catch (error) {
    const found = error instanceof WorkerctlError ? error.message : describeErrno(error);
    const problem = `other commands may start instances meanwhile: ${found}`;
    report(context, 'watch', { kind: 'warning', problem });
    return () => undefined;
  }
}

const endRequest = (context: Context) =>
  ({ ...requestFor(context), goal: { kind: 'end', cause } }) as const satisfies PassRequest;

/** A pass takes seconds. One that is stopped, or waits for a disk, must not keep the workers from being asked. */
const lockWait = durationOf(testable('END_LOCK_WAIT', 10_000));

/** How often a pass may fail before the workers are asked without one. */
const attempts = 3;

/** False if passes fail, or could not ask all instances. */
async function endByPasses(
  context: Context,
  trouble: Trouble,
  pause: () => Promise<void>,
): Promise<boolean> {
  let failures = 0;
  const counting = listening(context, ({ kind }) => {
    if (kind === 'signal_failed') failures += 1;
  });
  while (failures < attempts) {
    const before = failures;
    try {
      const request = { ...endRequest(context), lockWait };
      const { observation, refusals = [] } = await runPass(counting, request);
      // What is not known to be ours is neither asked nor waited for.
      const refused = new Set(refusals.filter((one) => one.isUnclear !== true).map(keyOf));
      const isAwaited = (one: ObservedInstance): boolean =>
        isThere(one) && !refused.has(keyOfObserved(one));
      if (!allObserved(observation).some(isAwaited)) return true;
      if (failures === before) trouble.done();
    } catch (error) {
      failures += 1;
      trouble.met(error);
    }
    await (failures === before ? pause() : sleep(firstPauseMs));
  }
  return false;
}

/**
 * The stops cannot be noted, but with us the workers would be killed. So each is sent its stop signal once, as far as it was not
 * asked before, and no pass is run any more, because it would ask again. No time limits apply.
 */
async function endWithoutPasses(
  context: Context,
  trouble: Trouble,
  pause: () => Promise<void>,
): Promise<void> {
  const asked = new Set<string>();
  for (;;) {
    try {
      const living = lookAtProcesses(context);
      if (living.length === 0) return;
      for (const one of living) askOnce(context, one, asked);
    } catch (error) {
      trouble.met(error);
    }
    await pause();
  }
}

/** Without the ledger, and without state.json if that cannot be read; processes without a witness are left out. */
function lookAtProcesses(context: Context): Living[] {
  const { config } = context;
  const { instances, retiring, notes } = stateFilesIn(config.stateDir);
  const scene = { ...context, notes };
  const names = selectInstances(config, instances, []);
  const observation = lookForStrays(scene, observe(scene, names, retiring));
  const adopted = adoptionsAfter(seenDesired(config.stateDir).desired.adopted, observation);
  const claimFor = claimsIn(context, { observation, desired: { adopted } });
  return allObserved(observation).flatMap((observed) => {
    const process = liveProcess(observed);
    const testimony = process && hearWitnesses(claimFor(refOf(observed), process));
    return testimony?.kind === 'witnessed' ? [{ observed, process: testimony.process }] : [];
  });
}

/** A process that a witness besides its record calls the instance's. */
interface Living {
  readonly observed: ObservedInstance;
  readonly process: Witnessed;
}

function askOnce(context: Context, { observed, process }: Living, asked: Set<string>): void {
  if ((sentStop(observed) ?? unclearStop(observed)) !== undefined) return;
  const { pid, startTime } = process;
  const key = `${pid} ${startTime}`;
  if (asked.has(key) || findProcess(process) === undefined) return;
  asked.add(key);
  const signal = stopSignalOf(context, observed);
  try {
    sendSignal(process, signal);
    const words = `${cause}; no note of it could be written`;
    report(context, refOf(observed), { kind: 'draining', pid, signal, cause: words });
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    report(context, refOf(observed), { kind: 'signal_failed', pid, problem });
  }
}

function stopSignalOf({ config }: Context, { name, presence }: ObservedInstance): StopSignal {
  if (presence.kind === 'alive') return presence.record.stopSignal;
  const worker = config.workers.find((one) => one.name === workerNameOf(name));
  return worker?.stop.signal ?? 'TERM';
}

/** Its process lives, or another one of a session that was asked. */
const isThere = (one: ObservedInstance): boolean =>
  liveProcess(one) !== undefined ||
  (sessionStop(one)?.members !== undefined && one.leftovers !== undefined);

async function lookAtEnding(context: Context): Promise<Ending> {
  const { observation, ...state } = await planPass(silent(context), endRequest(context));
  const snapshot = snapshotOf(context.config, state, observation);
  const there = allObserved(observation).filter((one) => liveProcess(one) !== undefined);
  return {
    draining: there.flatMap((one) => drainingOf(one, snapshot)),
    unasked: there
      .filter((one) => drainingSince(one) === undefined)
      .map((one) => shownName(refOf(one))),
  };
}
