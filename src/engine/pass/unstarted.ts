import { isFailedAction, type FailedAction } from '../../core/events/event.ts';
import { lookup, withEntries } from '../../core/basics/lookup.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import type { PassOutcome } from '../../core/model/decision.ts';
import type { Ledger } from '../../core/model/ledger.ts';
import { unstartedNotice, withUnstarted, type FailedStart } from '../../core/rules/unstarted.ts';
import { now } from '../../host/process/clock.ts';
import { writeLedger } from '../../host/state/ledger-file.ts';
import type { Run } from '../apply/run.ts';
import { workerOf, type Context } from '../session.ts';
import type { PassRequest } from './decide.ts';

/** An instance that could not be asked, started or adopted, and why. */
export interface Failed {
  readonly kind: FailedAction['kind'];
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
  const isUnasked = isUnaskedCheck(context, goal);
  const isKnown = ({ kind, instance, problem }: Failed): boolean =>
    kind === 'start_failed' && isUnasked && lookup(ledger.unstarted, instance)?.problem === problem;
  const isSilent = ({ kind, instance, problem }: Failed): boolean =>
    kind === 'adopt_failed' && isUnasked && lookup(ledger.unadopted, instance) === problem;
  return {
    ...context,
    report: (event) => {
      if (!isFailedAction(event)) {
        context.report(event);
        return;
      }
      const { kind, instance, problem } = event;
      const failed = { kind, instance, problem };
      if (event.retiring === undefined) failures.push(failed);
      if (!isSilent(failed))
        context.report(isKnown(failed) ? { ...event, isRepeated: true } : event);
    },
  };
}

/**
 * Remembers why instances were not started or adopted, for `status`, and so that the next attempts wait longer and longer.
 * @throws WorkerctlError `state` if `bootcheck` or `watch` cannot keep that: otherwise they would try it again at once
 */
export async function keepFailed(
  context: Context,
  { goal }: PassRequest,
  { ledger, observation }: PassOutcome,
  failures: readonly Failed[],
  next: Run['next'],
): Promise<Ledger> {
  const unstarted = failures.filter(({ kind }) => kind === 'start_failed');
  const unadopted = failures.filter(({ kind }) => kind === 'adopt_failed');
  if (unstarted.length + unadopted.length === 0) return ledger;
  const failed = await Promise.all(unstarted.map((one) => withRelease(context, one, next)));
  const at = now();
  const problems = new Map(unadopted.map(({ instance, problem }) => [instance, problem]));
  const after = {
    ...withUnstarted(ledger, failed, at),
    unadopted: withEntries(ledger.unadopted, problems),
  };
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
