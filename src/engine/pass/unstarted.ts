import { lookup } from '../../core/basics/lookup.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import type { PassOutcome } from '../../core/model/decision.ts';
import type { Ledger } from '../../core/model/ledger.ts';
import { unstartedNotice, withUnstarted, type FailedStart } from '../../core/rules/unstarted.ts';
import { now } from '../../host/process/clock.ts';
import { writeLedger } from '../../host/state/ledger-file.ts';
import type { Run } from '../apply/run.ts';
import { workerOf, type Context } from '../session.ts';
import type { PassRequest } from './decide.ts';

/** An instance that could not be asked or started, and why. */
export interface Failed {
  readonly kind: 'start_failed' | 'signal_failed';
  readonly instance: string;
  readonly problem: string;
}

/** Whether `bootcheck` or `watch` acts here, which do so again and again. */
export const isUnaskedCheck = (
  { startsAtOnce }: Pick<Context, 'startsAtOnce'>,
  goal: PassRequest['goal'],
): boolean => goal.kind === 'check' && startsAtOnce !== undefined;

/** Notes what fails. A start that fails again for the same reason is reported, but not written to the journal again. */
export function noting(
  context: Context,
  { goal }: PassRequest,
  { ledger }: PassOutcome,
  failures: Failed[],
): Context {
  const isKnown = ({ kind, instance, problem }: Failed): boolean =>
    kind === 'start_failed' &&
    isUnaskedCheck(context, goal) &&
    lookup(ledger.unstarted, instance)?.problem === problem;
  return {
    ...context,
    report: (event) => {
      const { kind, instance } = event;
      if (kind !== 'start_failed' && kind !== 'signal_failed') {
        context.report(event);
        return;
      }
      const failed = { kind, instance, problem: event.problem };
      if (event.retiring === undefined) failures.push(failed);
      context.report(isKnown(failed) ? { ...event, isRepeated: true } : event);
    },
  };
}

/**
 * Remembers why instances were not started, for `status`, and so that the next attempts wait longer and longer.
 * @throws WorkerctlError `state` if `bootcheck` or `watch` cannot keep that: otherwise they would try it again at once
 */
export async function keepUnstarted(
  context: Context,
  { goal }: PassRequest,
  { ledger, observation }: PassOutcome,
  failures: readonly Failed[],
  next: Run['next'],
): Promise<Ledger> {
  const unstarted = failures.filter(({ kind }) => kind === 'start_failed');
  if (unstarted.length === 0) return ledger;
  const failed = await Promise.all(unstarted.map((one) => withRelease(context, one, next)));
  const at = now();
  const after = withUnstarted(ledger, failed, at);
  try {
    writeLedger(context.config.stateDir, after, 'what could not be started is tried again');
  } catch (error) {
    if (!(error instanceof WorkerctlError) || isUnaskedCheck(context, goal)) throw error;
  }
  const notices = failed.flatMap(({ instance }) => {
    const worker = workerOf(context.config, instance);
    const notice = unstartedNotice(ledger, after, instance, worker);
    return notice === undefined ? [] : [{ ...notice, id: `backoff.${instance}.${at}` }];
  });
  if (notices.length > 0 && isUnaskedCheck(context, goal)) {
    const { emitNotices } = await import('./emit-notices.ts');
    emitNotices(context, notices, observation);
  }
  return after;
}

async function withRelease(
  { config }: Context,
  { instance, problem }: Failed,
  next: Run['next'],
): Promise<FailedStart> {
  const { release } = await next(workerOf(config, instance), instance);
  return { instance, problem, ...(release !== undefined && { release }) };
}
