import { elapsed, type Duration } from '../basics/time.ts';
import { formatActivity } from '../model/activity.ts';
import type { Rollout } from '../model/desired.ts';
import { ageOf, liveProcess } from '../model/observation.ts';
import { workerNameOf } from '../model/targets.ts';
import { membersOf, type Member } from '../rules/rollout-members.ts';
import type { Snapshot } from '../rules/snapshot.ts';

/** How far an instance is in a restart, in words. */
export const memberStates = [
  'replaced',
  'draining',
  'down',
  'starting',
  'failed',
  'waiting',
  'held',
  'excluded',
  'unknown',
] as const;

export type MemberState = (typeof memberStates)[number];

/** An instance of a restart as it is shown. */
export interface MemberStatus {
  readonly instance: string;
  readonly state: MemberState;
  readonly pid?: number;
  /** How long it has been in this state, if that is known; of a process that runs, its age. */
  readonly since?: Duration;
  /** What its process runs, if that is known. */
  readonly release?: string;
  /** What else is worth knowing, in words; may be empty. */
  readonly detail: string;
}

/** How far each instance of a restart is. */
export const memberStatuses = (rollout: Rollout, snapshot: Snapshot): MemberStatus[] =>
  [...membersOf(rollout, snapshot)].map(([name, member]) => statusOf(name, member, snapshot));

const stateOf: Readonly<Record<Member['kind'], MemberState>> = {
  unseen: 'unknown',
  excluded: 'excluded',
  held: 'held',
  pending: 'waiting',
  draining: 'draining',
  empty: 'down',
  starting: 'starting',
  replaced: 'replaced',
  failed: 'failed',
};

function statusOf(instance: string, member: Member, snapshot: Snapshot): MemberStatus {
  const { observation } = snapshot;
  const observed = snapshot.instance(instance);
  const process = observed && liveProcess(observed);
  const presence = observed?.presence;
  const release = presence?.kind === 'alive' ? presence.record.release : undefined;
  const since = sinceOf(instance, member, snapshot);
  const age = process && ageOf(process, observation);
  const shown = since ?? age;
  return {
    instance,
    state: stateOf[member.kind],
    ...(process && { pid: process.pid }),
    ...(shown !== undefined && { since: shown }),
    ...(release !== undefined && { release }),
    detail: detailOf(instance, member, snapshot),
  };
}

function sinceOf(
  instance: string,
  member: Member,
  { desired, now }: Snapshot,
): Duration | undefined {
  if (member.kind === 'draining') return elapsed(member.since, now);
  const request = member.kind === 'held' ? desired.held[instance] : desired.stopped[instance];
  return request && elapsed(request.at, now);
}

function detailOf(instance: string, member: Member, snapshot: Snapshot): string {
  const { desired, now, workerOf } = snapshot;
  switch (member.kind) {
    case 'unseen':
      return workerOf(instance) === undefined
        ? `the config has no worker ${workerNameOf(instance)}`
        : '';
    case 'excluded': {
      const stopped = desired.stopped[instance];
      return stopped === undefined ? 'not wanted any more' : `stopped by ${stopped.by}`;
    }
    case 'held':
      return `held by ${desired.held[instance]?.by ?? ''}`;
    case 'failed':
      return member.problem;
    case 'pending':
    case 'draining': {
      const activity = snapshot.instance(instance)?.activity;
      return activity === undefined ? '' : formatActivity(activity, now);
    }
    case 'empty':
    case 'starting':
    case 'replaced':
      return '';
  }
}
