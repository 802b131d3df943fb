import { lookup } from '../../core/basics/lookup.ts';
import type { ActionOf } from '../../core/model/action.ts';
import type { PassOutcome } from '../../core/model/decision.ts';
import { launchOf } from '../../core/model/launch.ts';
import type { Ledger } from '../../core/model/ledger.ts';
import type { Plan } from '../../core/model/plan.ts';
import { watchDirectory } from '../../host/files/watch-directory.ts';
import { monotonicMs, now } from '../../host/process/clock.ts';
import { hasWatch, pullTrigger } from '../../host/sockets/pull-trigger.ts';
import { knownLedger } from '../../host/state/ledger-file.ts';
import { readRecord } from '../../host/state/records.ts';
import { workerOf, type Context } from '../session.ts';
import type { PassRequest } from './decide.ts';

/** How long a watch may take to start one of the instances that are left to it. Some hundredths of a second are usual. */
const takeMs = 2_000;

/** How often failures are looked for: they are in another directory. */
const ledgerMs = 100;

/** A start that is left to a watch. */
interface LeftStart extends ActionOf<'start'> {
  /** The run that the instance's record names, so that the new one is told from it. */
  readonly oldRun: string | undefined;
}

/** A plan, without the starts that a running watch makes in its place. */
export interface SharedPlan {
  readonly plan: Plan;
  readonly left: readonly LeftStart[];
}

/**
 * Leaves the starts to a running watch: its workers live in its unit. Those of a command would live in the session of who
 * runs it: logind may end them with the login, and they escape the limits of the unit. To be called under the pass lock.
 */
export function leaveStarts(
  { config, startsOutside }: Context,
  { isLeftToNobody }: Pick<PassRequest, 'isLeftToNobody'>,
  plan: Plan,
): SharedPlan {
  if (isLeftToNobody === true || startsOutside === undefined || startsOutside.hasWatchFailed)
    return { plan, left: [] };
  const starts = plan.filter((action) => action.kind === 'start');
  if (starts.length === 0 || !hasWatch(config.stateDir)) return { plan, left: [] };
  const left = starts.map((start) => ({ ...start, oldRun: runOf(config.stateDir, start) }));
  return { plan: plan.filter((action) => action.kind !== 'start'), left };
}

/**
 * Wakes the watch and waits until it has tried to start each of these, and reports that; the watch itself has written it to
 * the journal. Returns those that it did not start although it has made no progress for two seconds.
 */
export async function untilStarted(
  context: Context,
  left: readonly LeftStart[],
  { ledger: known }: PassOutcome,
): Promise<readonly string[]> {
  const { config, signal } = context;
  const { stateDir } = config;
  const pending = new Map(left.map((action) => [action.instance, action]));
  const files = watchDirectory(stateDir, (file) => file.endsWith('.json'));
  try {
    if (!wake(stateDir)) return [...pending.keys()];
    let deadline = monotonicMs() + takeMs;
    let changed: ReadonlySet<string> = new Set();
    let ledger = known;
    let readAt = -Infinity;
    for (;;) {
      if (monotonicMs() - readAt >= ledgerMs) {
        ledger = knownLedger(stateDir);
        readAt = monotonicMs();
      }
      for (const [instance, action] of pending) {
        // The kernel may lose changes: if it reports none, all records are read.
        const isRead = changed.size === 0 || changed.has(`${instance}.json`);
        if (isRead && hasStarted(context, action)) pending.delete(instance);
        else if (hasFailed(context, instance, ledger, known)) pending.delete(instance);
        else continue;
        deadline = monotonicMs() + takeMs;
      }
      if (pending.size === 0 || signal.aborted) return [];
      const rest = deadline - monotonicMs();
      if (rest <= 0) return [...pending.keys()].filter((name) => !waitsForTurn(name, ledger));
      changed = await files.changes(Math.min(rest, ledgerMs), signal);
    }
  } finally {
    files.close();
  }

  /** Its turn comes when others are ready. What was asked for waits for none: the watch has not done it. */
  function waitsForTurn(instance: string, { startsInTurn }: Ledger): boolean {
    return startsInTurn === true && lookup(known.asked, instance) === undefined;
  }
}

function wake(stateDir: string): boolean {
  try {
    return pullTrigger(stateDir);
  } catch {
    return false; // something else is in its place
  }
}

function runOf(stateDir: string, { instance }: ActionOf<'start'>): string | undefined {
  const record = readRecord(stateDir, instance);
  return record.kind === 'read' ? record.value.runId : undefined;
}

function hasStarted(context: Context, { instance, cause, oldRun }: LeftStart): boolean {
  const record = readRecord(context.config.stateDir, instance);
  if (record.kind !== 'read' || record.value.runId === oldRun) return false;
  const { pid, launch } = record.value;
  const kind = launch === undefined ? 'started' : 'launching';
  context.report({ kind, pid, cause: `by watch: ${cause}`, at: now(), instance, isOthers: true });
  return true;
}

/** A process that has ended at once is seen by the command that waits for the instance. */
function hasFailed(
  context: Context,
  instance: string,
  { unstarted, failures }: Ledger,
  known: Ledger,
): boolean {
  const found = lookup(unstarted, instance);
  if (found === undefined || found.at === lookup(known.unstarted, instance)?.at)
    return lookup(failures, instance)?.at !== lookup(known.failures, instance)?.at;
  const { config, hostName } = context;
  const worker = workerOf(config, instance);
  const { logFile } = launchOf(worker, instance, config.stateDir, hostName);
  const { problem } = found;
  context.report({
    ...{ kind: 'start_failed', problem, logFile, log: [] },
    ...{ at: found.at, instance, isOthers: true },
  });
  return true;
}
