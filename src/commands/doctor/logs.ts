import { formatSize } from '../../core/basics/bytes.ts';
import { lostLogWords, type LostLog } from '../../core/model/lost-log.ts';
import { allObserved, drainingSince, type ObservedInstance } from '../../core/model/observation.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import { fine, problem, someOf, warning, type Findings } from '../../core/views/finding.ts';
import type { Examination } from './examination.ts';

interface Loser {
  readonly observed: ObservedInstance;
  readonly lost: LostLog;
}

/** Logs that were deleted, renamed or replaced under their processes: those of a worker in one finding for each way. */
export function logFindings({ observation }: Examination): Findings {
  const logged = allObserved(observation).filter(({ log }) => log !== undefined);
  const groups = new Map<string, [Loser, ...Loser[]]>();
  const losers = logged.flatMap((observed) =>
    [observed.log, observed.errorLog].map((log) => ({ observed, lost: log?.lost })),
  );
  for (const { observed, lost } of losers) {
    if (lost === undefined) continue;
    const key = [
      workerNameOf(observed.name),
      isLeaving(observed),
      lost.isReplaced,
      howOf(lost),
    ].join();
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [{ observed, lost }]);
    else group.push({ observed, lost });
  }
  if (groups.size > 0) return [...groups.values()].map(lostFinding);
  return logged.length === 0
    ? []
    : fine('logs', `${logged.length} are where their processes write`);
}

const isLeaving = (observed: ObservedInstance): boolean =>
  observed.retiring !== undefined || drainingSince(observed) !== undefined;

function howOf({ open, name }: LostLog): 'hidden' | 'deleted' | 'named' {
  if (open === undefined) return 'hidden';
  return name === undefined ? 'deleted' : 'named';
}

function lostFinding(group: readonly [Loser, ...Loser[]]): Findings {
  const [{ observed, lost }] = group;
  const names = [...new Set(group.map((one) => one.observed.name))];
  const others = group.length > 1 ? ` (and ${group.length - 1} more like it)` : '';
  const found = `${lostLogWords(lost)}${others}`;
  const remedy = isLeaving(observed)
    ? 'nothing: it ends as soon as it has drained'
    : `workerctl restart ${names.join(' ')}`;
  const show = `workerctl logs ${observed.name} shows it until then`;
  if (howOf(lost) !== 'deleted')
    return warning(someOf(names), found, [
      `new lines are not at ${lost.path}; a program that rotates logs by renaming them needs copytruncate (workerctl install logrotate, or log.max_size)`,
      remedy,
    ]);
  const bytes = group.reduce((sum, one) => sum + (one.lost.size ?? 0), 0);
  return problem(someOf(names), found, [
    `its lines are gone when it exits (${show}), and the disk does not get back what they take, ${formatSize(bytes)} now`,
    remedy,
  ]);
}
