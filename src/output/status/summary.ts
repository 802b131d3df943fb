import { formatSize } from '../../core/basics/bytes.ts';
import { formatDayAndTime, formatDuration } from '../../core/basics/time.ts';
import { visibleInLine } from '../../core/basics/visible.ts';
import { formatRollout } from '../../core/views/rollout-status.ts';
import { isShort, type Status } from '../../core/views/status.ts';
import { countedStates, summaries } from '../../core/views/worker-summary.ts';
import type { Colours } from '../plain.ts';
import { formatTable } from '../table.ts';
import { formatRestarts, nothing } from './columns.ts';

/** Of more instances, each worker is summed up. */
const readAtOnce = 20;

/** What stands below the table: the sums, and what concerns more than one instance. */
export const formatSummary = (status: Status, colours: Colours): string =>
  [
    formatWorkers(status, colours),
    formatCounts(status, colours),
    ...status.counts.map(
      (want) =>
        `${want.worker}: ${want.count} wanted by ${want.by} since ${formatDayAndTime(want.at, status.at)}; the config says ${want.configured}\n`,
    ),
    ...Object.entries(status.pins).map(
      ([worker, { release, directory, at }]) =>
        `${worker}: pinned to ${visibleInLine(release ?? directory)} since ${formatDayAndTime(at, status.at)}, as its restart failed; the next restart ends that\n`,
    ),
    ...status.rollouts.map((rollout) => {
      const text = visibleInLine(formatRollout(rollout));
      return `${rollout.aborted === undefined ? text : colours.red(text)}\n`;
    }),
    notRun(status),
    stateLine(status, colours),
  ].join('');

/** `3 wanted, 3 up, 2 ready, 1 draining`. */
export function formatCounts(status: Status, colours: Colours): string {
  const { wanted, up, ready } = status;
  const others = countedStates(status.instances)
    .filter(([state]) => state !== 'ready')
    .map(([state, count]) => `${count} ${state}`);
  const line = [`${wanted} wanted, ${up} up, ${ready} ready`, ...others].join(', ');
  return `${isShort(status) ? colours.red(line) : line}\n`;
}

function formatWorkers({ instances, desired }: Status, colours: Colours): string {
  if (instances.length <= readAtOnce) return '';
  const rows = summaries(instances, desired).map((one) => [
    one.worker,
    String(one.wanted),
    String(one.up),
    String(one.ready),
    formatRestarts(one.restarts),
    one.up === 0 ? nothing : formatDuration(one.cpu),
    one.up === 0 ? nothing : formatSize(one.memory),
    one.others.map(([state, count]) => `${count} ${state}`).join(', '),
  ]);
  const numbers = new Set([1, 2, 3, 4, 5, 6]);
  const head = ['WORKER', 'WANTED', 'UP', 'READY', 'RESTARTS', 'CPU', 'MEMORY', 'OTHERS'];
  const [first = '', ...lines] = formatTable([head, ...rows], undefined, numbers).split('\n');
  return `${[colours.bold(first), ...lines].join('\n')}\n`;
}

/** What is not known because the config is not trusted. */
function notRun({ unrun }: Status): string {
  if (unrun === undefined) return '';
  const { keys, distrust } = unrun;
  const unknown = keys.includes('release.command') ? ', so it is unknown what is outdated' : '';
  return `${keys.join(' and ')} not run${unknown}: the config is not trusted: ${distrust}\n`;
}

export const stateLine = ({ stateProblem }: Status, colours: Colours): string =>
  stateProblem === undefined ? '' : `${colours.red(stateProblem.problem)}\n`;
