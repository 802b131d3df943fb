import type { ActionOf } from '../../core/model/action.ts';
import { observedAt } from '../../core/model/observation.ts';
import { isSameProcess, type LiveProcess } from '../../core/model/process.ts';
import { killLeftBehind } from '../../host/process/kill-session.ts';
import { readProcess } from '../../host/process/process-table.ts';
import type { DeadLeader } from '../../host/process/session.ts';
import { actsOnLeftovers, sessionStop } from '../../core/rules/awaited.ts';
import type { SessionMember } from '../../core/model/record.ts';
import type { LeftProcess } from '../../core/model/leftovers.ts';
import type { ProcessRef } from '../../core/model/instance.ts';
import { readLeft, writeLeft, type LeftNote } from '../../host/state/notes.ts';
import { baseOf, leftPath } from '../../host/state/paths.ts';
import { removeFile } from '../../host/files/json-file.ts';
import { report, workerOf, type Context } from '../session.ts';
import {
  deadLeader,
  isReportedOf,
  leftInTheEnd,
  namedOnes,
  type Exited,
  type Left,
} from '../observe/leftovers.ts';
import { observe } from '../observe/observe.ts';
import { provesSession } from '../../host/worker/witness.ts';
import { livingIn } from '../observe/living.ts';
import type { Run } from './run.ts';
import type { PassOutcome } from '../../core/model/decision.ts';

interface Replaced extends Exited {
  readonly instance: string;
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
    const policy = workerOf(context.config, instance).stop;
    const isDealtWith = actsOnLeftovers(policy) || sessionStop({ presence })?.members !== undefined;
    const { stop } = presence;
    if (leader !== undefined && !(isDealtWith && kind === 'start'))
      return [{ instance, leader, ...(stop && { stop }) }];
    tryToRemove(stateDir, instance);
    return [];
  });
  for (const one of replaced) tryToWrite(stateDir, one.instance, noteOf(one));
  return () => reportLeftovers(context, replaced, livingIn({}, observation));
}

const noteOf = ({ leader: { pid, startTime, bootId, diedAt } }: Replaced): LeftNote => ({
  process: { pid, startTime, bootId },
  ...(diedAt !== undefined && { diedAt }),
});

async function reportLeftovers(
  context: Context,
  replaced: readonly Replaced[],
  living: ReadonlySet<number>,
): Promise<void> {
  if (replaced.length === 0) return;
  const { stateDir } = context.config;
  const left = await leftInTheEnd(replaced, living);
  replaced.forEach((one, index) => {
    const { instance, leader } = one;
    const found = left[index];
    // Another pass may have replaced the next process by now: it has noted that one.
    const noted = readLeft(stateDir, instance)?.process;
    const isOurs = noted === undefined || isSameProcess(noted, leader);
    if (found === undefined || found.members.length === 0) {
      if (isOurs) tryToRemove(stateDir, instance);
      return;
    }
    const others = reportSurvivors(context, { instance }, leader.pid, found);
    if (others.length > 0)
      report(context, instance, {
        kind: 'leftovers',
        pid: leader.pid,
        processes: others,
        fate: 'running',
      });
    if (isOurs) tryToWrite(stateDir, instance, { ...noteOf(one), members: found.members });
  });
}

/** Reports those that a stop did not reach as a failure, unless the config accepts them; returns the others. */
export function reportSurvivors(
  context: Context,
  ref: ProcessRef,
  pid: number,
  { members, survivors }: Left,
): LeftProcess[] {
  const isFailure = workerOf(context.config, ref.instance).stop.leftovers === undefined;
  if (!isFailure || survivors.length === 0) return namedOnes(members);
  report(context, ref, { kind: 'survivors', pid, processes: namedOnes(survivors) });
  return namedOnes(members.filter((one) => !survivors.includes(one)));
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
  { context, claimFor }: Run,
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
  const { members: asked = [], family = [] } = sessionStop({ presence }) ?? {};
  const noted = [...asked, ...family];
  const isProof = provesSession(claimFor(action, presence.record), leader, noted);
  const fate = rule === 'wait' ? 'awaited' : await killed(leader, isProof, family);
  if (fate !== undefined)
    report(context, action, {
      kind: 'leftovers',
      pid: leader.pid,
      processes: left.processes,
      fate,
    });
  const members = left.processes.flatMap(({ pid }) => readProcess(pid) ?? []);
  const wasKilled = rule === 'kill' && { wasKilled: true };
  tryToWrite(stateDir, baseOf(action), { ...noteOf({ instance, leader }), members, ...wasKilled });
}

async function killed(
  leader: DeadLeader,
  isProof: (member: LiveProcess) => boolean,
  family: readonly SessionMember[],
): Promise<'killed' | 'kill_denied' | 'unwitnessed' | undefined> {
  const { kind } = await killLeftBehind(leader, isProof, family);
  switch (kind) {
    case 'unproven':
      return 'unwitnessed';
    case 'killed':
      return 'killed';
    case 'denied':
      return 'kill_denied';
    case 'gone':
      return undefined;
  }
}
