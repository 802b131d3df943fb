import { requestFor } from './look.ts';
import { durationOf } from '../../core/basics/time.ts';
import type { Draining } from '../../core/events/draining.ts';
import { shownName } from '../../core/model/instance.ts';
import {
  allObserved,
  drainingSince,
  liveProcess,
  refOf,
  type ObservedInstance,
} from '../../core/model/observation.ts';
import { sessionStop } from '../../core/rules/awaited.ts';
import { snapshotOf } from '../../core/rules/snapshot.ts';
import { sleep } from '../../host/process/clock.ts';
import type { PassRequest } from '../pass/decide.ts';
import { runPass, planPass } from '../pass/pass.ts';
import { silent, type Context } from '../session.ts';
import { drainingOf } from '../wait/settle.ts';

const endPollMs = 100;

/** What still runs while all instances are being stopped. */
export interface Ending {
  readonly draining: readonly Draining[];
  /** Instances that were not asked yet, for example because another pass is running. */
  readonly unasked: readonly string[];
}

/** Stops all instances and waits for them, for a container that ends. Reports what still runs when it is asked to. */
export async function endAll(
  context: Context,
  onAsked: (tell: () => void) => void,
  tell: (ending: Ending) => void,
): Promise<void> {
  const request = { ...requestFor(context), goal: { kind: 'end', cause: 'watch ends' } } as const;
  const lasting = { ...context, signal: new AbortController().signal }; // the watch's own signal is aborted already
  onAsked(() => {
    // If looking fails, so does the pass below, which says why.
    void lookAtEnding(lasting, request).then(tell, () => undefined);
  });
  for (;;) {
    const outcome = await runPass(lasting, { ...request, lockWait: durationOf(Infinity) });
    if (!allObserved(outcome.observation).some(isThere)) return;
    await sleep(endPollMs);
  }
}

/** Its process lives, or another one of a session that was asked. */
const isThere = (one: ObservedInstance): boolean =>
  liveProcess(one) !== undefined ||
  (sessionStop(one)?.members !== undefined && one.leftovers !== undefined);

async function lookAtEnding(context: Context, request: PassRequest): Promise<Ending> {
  const { observation, ...state } = await planPass(silent(context), request);
  const snapshot = snapshotOf(context.config, state, observation);
  const there = allObserved(observation).filter((one) => liveProcess(one) !== undefined);
  return {
    draining: there.flatMap((one) => drainingOf(one, snapshot)),
    unasked: there
      .filter((one) => drainingSince(one) === undefined)
      .map((one) => shownName(refOf(one))),
  };
}
