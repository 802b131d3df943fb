import { formatDuration } from '../core/basics/time.ts';
import { formatRollout, type RolloutStatus } from '../core/views/rollout-status.ts';
import { formatTable } from './table.ts';

/** Each restart in a line, with its instances below it. */
export function formatRollouts(rollouts: readonly RolloutStatus[], columns?: number): string {
  if (rollouts.length === 0) return 'no restart is in progress\n';
  return rollouts.map((rollout) => formatOne(rollout, columns)).join('\n');
}

function formatOne(rollout: RolloutStatus, columns: number | undefined): string {
  const rows = rollout.members.map(({ instance, state, pid, since, release, detail }) => [
    instance,
    state,
    pid === undefined ? '-' : String(pid),
    since === undefined ? '-' : formatDuration(since),
    release ?? '-',
    detail,
  ]);
  const header = ['INSTANCE', 'STATE', 'PID', 'SINCE', 'RELEASE', 'DETAIL'];
  return `${formatRollout(rollout)}\nid ${rollout.id}\n${formatTable([header, ...rows], columns)}`;
}
