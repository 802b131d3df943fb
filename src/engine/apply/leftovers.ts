import type { ActionOf } from '../../core/model/action.ts';
import { observedAt } from '../../core/model/observation.ts';
import { isSameProcess } from '../../core/model/process.ts';
import { killLeftBehind } from '../../host/process/kill-session.ts';
import { readProcess } from '../../host/process/process-table.ts';
import type { DeadLeader } from '../../host/process/session.ts';
import { writeLeft, type LeftNote } from '../../host/state/notes.ts';
import { baseOf, leftPath } from '../../host/state/paths.ts';
import { removeFile } from '../../host/files/json-file.ts';
import { report, workerOf, type Context } from '../session.ts';
import { deadLeader, isReportedOf, leftInTheEnd, namedOnes } from '../observe/leftovers.ts';
import { observe } from '../observe/observe.ts';
import type { PassOutcome } from '../../core/model/decision.ts';

interface Replaced {
  readonly instance: string;
  readonly leader: DeadLeader;
}

/**
 * Notes dead processes whose records are about to be overwritten by their successors', so that what they left can be reported
 * even if this command is killed. Returns a function that looks for leftovers and reports them; call it after the starts,
 * which must not wait for it.
 */
export function noteReplaced(
  context: Context,
  { plan, observation }: PassOutcome,
): () => Promise<void> {
  const { stateDir } = context.config;
  const replaced = plan.flatMap((action): Replaced[] => {
    const { kind, instance } = action;
    const presence = observedAt(observation, action)?.presence;
    if ((kind !== 'start' && kind !== 'clean_up') || presence?.kind !== 'dead') return [];
    const leader = deadLeader(context, instance, presence, observation);
    if (leader !== undefined && isReportedOf(stateDir, instance, leader)) return [];
    const isDealtWith = workerOf(context.config, instance).stop.leftovers !== undefined;
    if (leader !== undefined && !(isDealtWith && kind === 'start')) return [{ instance, leader }];
    tryToRemove(stateDir, instance);
    return [];
  });
  for (const one of replaced) tryToWrite(stateDir, one.instance, noteOf(one));
  return () => reportLeftovers(context, replaced);
}

const noteOf = ({ leader: { pid, startTime, bootId, diedAt } }: Replaced): LeftNote => ({
  process: { pid, startTime, bootId },
  ...(diedAt !== undefined && { diedAt }),
});

async function reportLeftovers(context: Context, replaced: readonly Replaced[]): Promise<void> {
  if (replaced.length === 0) return;
  const { stateDir } = context.config;
  const left = await leftInTheEnd(replaced.map(({ leader }) => leader));
  replaced.forEach((one, index) => {
    const members = left[index] ?? [];
    if (members.length === 0) {
      tryToRemove(stateDir, one.instance);
      return;
    }
    const processes = namedOnes(members);
    report(context, one.instance, {
      kind: 'leftovers',
      pid: one.leader.pid,
      processes,
      fate: 'running',
    });
    tryToWrite(stateDir, one.instance, { ...noteOf(one), members });
  });
}

/** A full disk prevents no start; status only says less. */
function tryToWrite(stateDir: string, instance: string, note: LeftNote): void {
  try {
    writeLeft(stateDir, instance, note);
  } catch {
    return;
  }
}

/** A folder in its place prevents no start either. */
function tryToRemove(stateDir: string, instance: string): void {
  try {
    removeFile(leftPath(stateDir, instance));
  } catch {
    return;
  }
}

/** Kills what a dead process left, or reports that it is waited for. Either is noted, so that it is done once. */
export async function dealWithLeftovers(
  context: Context,
  action: ActionOf<'leftovers'>,
): Promise<void> {
  const { instance, retiring, left, rule } = action;
  const { stateDir } = context.config;
  const seen =
    retiring === undefined ? observe(context, [instance]) : observe(context, [], [action]);
  const presence = observedAt(seen, action)?.presence;
  if (presence?.kind !== 'dead') return;
  const leader = deadLeader(context, instance, presence, seen);
  if (leader === undefined || !isSameProcess(leader, left.of)) return;
  const fate = rule === 'wait' ? 'awaited' : await killed(leader);
  if (fate !== undefined)
    report(context, action, {
      kind: 'leftovers',
      pid: leader.pid,
      processes: left.processes,
      fate,
    });
  const members = left.processes.flatMap(({ pid }) => readProcess(pid) ?? []);
  tryToWrite(stateDir, baseOf(action), { ...noteOf({ instance, leader }), members });
}

async function killed(leader: DeadLeader): Promise<'killed' | 'kill_denied' | undefined> {
  const { kind } = await killLeftBehind(leader);
  switch (kind) {
    case 'killed':
      return 'killed';
    case 'denied':
      return 'kill_denied';
    case 'gone':
      return undefined;
  }
}
