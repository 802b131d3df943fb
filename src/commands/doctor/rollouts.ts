import { existsSync } from 'node:fs';
import { durationOf, elapsed, formatDayAndTime, type Moment } from '../../core/basics/time.ts';
import { formatRollout, type RolloutStatus } from '../../core/views/rollout-status.ts';
import { orFine, problem, warning, type Findings } from '../../core/views/finding.ts';
import type { Examination } from './examination.ts';

/** Restarts that do not go on by themselves, and workers that are pinned to a directory that is gone. */
export function rolloutFindings({ status, desired, observation: { now } }: Examination): Findings {
  const rollouts = status?.rollouts ?? [];
  return orFine(
    [
      rollouts.map((one) => rolloutFinding(one, now)),
      Object.entries(desired.pins).map(([worker, pin]) => pinFinding(worker, pin, now)),
    ],
    'restarts',
    rollouts.length === 0 ? 'none in progress' : `${rollouts.length} in progress`,
  );
}

/** A pass acts once a minute at the latest. */
const stuckAfter = durationOf(5 * 60_000);

function rolloutFinding(rollout: RolloutStatus, now: Moment): Findings {
  const { id, at, state, counts, unknownWorkers } = rollout;
  const about = `restart ${id}`;
  const words = formatRollout(rollout);
  if (state === 'aborted')
    return problem(about, words, [
      'instances that were not asked keep the old release',
      'fix the cause, then workerctl restart; or put the old release back, which ends it',
    ]);
  if (state === 'paused')
    return warning(about, words, [
      'it asks no further instance until it is continued',
      `workerctl rollout continue ${id}`,
    ]);
  if (state === 'cancelled') return [];
  if (unknownWorkers.length > 0)
    return warning(about, words, [
      'it cannot end before the config has that worker again',
      `put the worker back into the config, or workerctl rollout cancel ${id}`,
    ]);
  const isStuck = counts.waiting > 0 && counts.under_way === 0 && elapsed(at, now) > stuckAfter;
  if (!isStuck) return [];
  return problem(about, `${words}, and none is being replaced`, [
    'it is stuck: its instances are held, or no pass has run',
    `workerctl rollout shows what each waits for; then workerctl unhold, workerctl bootcheck, or workerctl rollout cancel ${id}`,
  ]);
}

function pinFinding(
  worker: string,
  { directory, at }: Examination['desired']['pins'][string],
  now: Moment,
): Findings {
  if (existsSync(directory)) return [];
  const since = formatDayAndTime(at, now);
  return problem(`pin of ${worker}`, `${directory}, since ${since}, is gone`, [
    'no instance of it can be started there, and it is started nowhere else',
    `workerctl restart ${worker}, which ends the pin`,
  ]);
}
